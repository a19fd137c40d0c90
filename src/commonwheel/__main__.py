"""`python -m commonwheel`: the same as `cw`, for the interpreter that runs it."""

from commonwheel.cli import run

if __name__ == "__main__":
    run()
