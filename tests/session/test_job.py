"""A job has the parts of its own request, each made when it is first asked for."""

from commonwheel.model import Origin, Requirement, SafeUrl
from commonwheel.operations.request import InstallRequest
from commonwheel.session.lifetime import is_made
from commonwheel.specs.requirements_txt import Option
from kit.cli import Cw


def test_a_job_makes_nothing_before_it_is_asked(cw: Cw) -> None:
    with cw.session("pip install") as session:
        job = session.job()
        parts = ("policies", "network", "recall", "sources", "material", "builder", "solving", "compiler")
        assert not any(is_made(job, name) for name in parts)
        assert job.compiled == (0, 0.0)
        assert not is_made(job, "compiler")


def test_jobs_ask_the_indexes_of_their_own_request(cw: Cw) -> None:
    cw.write("cw.toml", 'index-url = "https://two.example/simple"\n')
    one = "https://one.example/simple"
    option = Option("index-url", one, Origin("r.txt", 1), SafeUrl(one))
    with cw.session("pip install") as session:
        asked, other = session.job(InstallRequest(options=(option,))), session.job()
        assert [index.url.bare for index in asked.network.indexes] == [one]
        assert [index.url.bare for index in other.network.indexes] == ["https://two.example/simple"]
        assert other.network.indexes is other.network.indexes


def test_build_inputs_are_those_of_the_request(cw: Cw) -> None:
    constraint = Requirement("setuptools", specifier="<80")
    request = InstallRequest(build_constraints=(constraint,), config_settings=((Requirement("lib"), "key", "value"),))
    with cw.session("pip install") as session:
        inputs = session.job(request).build_inputs
        assert inputs.constraints == (constraint,)
        assert inputs.settings() == ({}, {"lib": {"key": "value"}})
        assert session.job().build_inputs.constraints == ()
