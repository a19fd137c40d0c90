"""Threads that come with the work and go at the end."""

import threading

from commonwheel.concurrency.worker_threads import WorkerThreads


def test_jobs_run_on_a_limited_number_of_threads() -> None:
    crew = WorkerThreads("cw-test", 3)
    release, arrived = threading.Event(), threading.Semaphore(0)
    seen: set[int] = set()
    busy = most = 0
    lock = threading.Lock()
    done = threading.Semaphore(0)

    def job() -> None:
        nonlocal busy, most
        with lock:
            seen.add(threading.get_ident())
            busy += 1
            most = max(most, busy)
        arrived.release()
        release.wait(5)
        with lock:
            busy -= 1
        done.release()

    for _ in range(10):
        crew.add(job)
    for _ in range(3):
        assert arrived.acquire(timeout=5)
    release.set()
    for _ in range(10):
        assert done.acquire(timeout=5)
    assert most == len(seen) == 3
    crew.close()


def test_sequential_jobs_need_one_thread() -> None:
    crew = WorkerThreads("cw-test", 8)
    threads = set()
    for _ in range(20):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            threads.add(threading.get_ident())
            done.set()

        crew.add(job)
        assert done.wait(5)
        while not crew._idle:  # a thread that is not back yet gets company
            threading.Event().wait(0.001)
    assert len(threads) == 1
    crew.close()
    crew.add(lambda: threads.add(-1))
    assert -1 not in threads


def named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_idle_threads_end_and_restart() -> None:
    crew = WorkerThreads("cw-resting", 2)
    for _ in range(3):
        done = threading.Event()
        crew.add(done.set)
        assert done.wait(5)
        for _ in range(500):  # the thread may not be back yet
            crew.rest()
            if not named("cw-resting"):
                break
            threading.Event().wait(0.01)
        assert not named("cw-resting")
    crew.close()


def test_busy_threads_do_not_rest() -> None:
    crew = WorkerThreads("cw-working", 2)
    started, release = threading.Event(), threading.Event()
    done = threading.Event()

    def job() -> None:
        started.set()
        release.wait(5)

    crew.add(job)
    assert started.wait(5)
    crew.rest()
    assert named("cw-working")
    crew.add(done.set)
    assert done.wait(5)
    release.set()
    crew.close()


def test_close_waits_for_running_jobs_and_drops_the_rest() -> None:
    crew = WorkerThreads("cw-test", 1)
    started, release = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        started.set()
        release.wait(5)
        done.append("first")

    crew.add(first)
    crew.add(lambda: done.append("second"))
    assert started.wait(5)
    threading.Timer(0.05, release.set).start()
    crew.close(5.0)
    assert done == ["first"]


def test_close_does_not_wait_forever() -> None:
    crew = WorkerThreads("cw-test", 4)
    release = threading.Event()
    arrived = threading.Semaphore(0)

    def job() -> None:
        arrived.release()
        release.wait(30)

    for _ in range(4):
        crew.add(job)
    for _ in range(4):
        assert arrived.acquire(timeout=5)
    crew.close(0.01)  # altogether, not for each
    release.set()
