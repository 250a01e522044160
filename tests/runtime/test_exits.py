import subprocess
import sys


def test_a_process_leaves_with_its_code_and_all_it_said() -> None:
    program = (
        "import atexit, sys; from runtime.exits import leave; atexit.register(print, 'never'); "
        "print('said', end=''); print('warned', end='', file=sys.stderr); leave(3)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "said", "warned")


def test_a_reader_that_went_away_does_not_change_the_code() -> None:
    program = "import sys; from runtime.exits import leave; print('x' * 100_000); leave(4)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate()
    assert process.returncode in (1, 4)  # 1 where print itself met the closed pipe
    assert process.returncode == 4 or b"BrokenPipeError" in said
