"""The kit for plugin authors: every promise that is broken on purpose is found and named."""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archivist.api import Cancelled, Kind, Port, StepSpec, Unsupported, WeightsMissing
from archivist.api.errors import BadOutput
from archivist.testing import (
    FakeContext,
    Promise,
    assert_step_conforms,
    check_step,
    run_step,
    sample_image,
    sample_inputs,
)

PLUGIN = """
from dataclasses import dataclass
from archivist.api import Cost, Embedding, Kind, Port, StepSpec, Verdict, Unsupported, param
{extra}

@dataclass(frozen=True)
class Params:
    gain: float = param(0.5, doc="How much.", low=0, high=1)

PORT = Port(name="image", kind=Kind.IMAGE)
STEP = StepSpec(
    id="sample.halve", version=1, title="Halve", run="{name}:run", inputs=[PORT], outputs=[PORT],
    params=Params, {fields}
)

def run(inputs, params, ctx):
    image = inputs["image"]
    {body}
    return {{"image": image.with_pixels(pixels)}}
"""
HONEST = "pixels = image.pixels * params.gain"

Write = Callable[..., StepSpec]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Return a function that writes a plugin module and returns the step it declares."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def make(body: str = HONEST, *, extra: str = "", fields: str = "") -> StepSpec:
        name = f"sample_plugin_{random.getrandbits(48):x}"
        names.append(name)
        code = PLUGIN.format(name=name, body=body, extra=extra, fields=fields)
        (tmp_path / f"{name}.py").write_text(code)
        importlib.invalidate_caches()
        spec: StepSpec = importlib.import_module(name).STEP
        return spec

    yield make
    for name in names:
        sys.modules.pop(name, None)


def broken(promises: tuple[Promise, ...]) -> dict[str, str]:
    return {promise.title: promise.detail for promise in promises if promise.kept is False}


def test_a_step_that_keeps_its_promises_conforms(write: Write) -> None:
    assert_step_conforms(write())


@pytest.mark.parametrize(
    ("body", "title", "detail"),
    [
        ("pixels = image.pixels * 3", "exactly the declared outputs", "spans"),
        ("pixels = image.pixels[..., 0]", "exactly the declared outputs", "shape"),
        ("return {}", "exactly the declared outputs", "returned []"),
        (
            "pixels = image.pixels.copy(); image.pixels.setflags(write=True); image.pixels[0] = 0",
            "inputs unchanged",
            "changed in place",
        ),
        (
            "import numpy as np; pixels = image.pixels * np.float32(np.random.random())",
            "The same seed",
            "two runs differ",
        ),
        (
            "import random; random.random(); pixels = image.pixels * 1",
            "global random state",
            "random",
        ),
        (
            "open('left-behind.txt', 'w').close(); pixels = image.pixels * 1",
            "no file",
            "wrote left-behind.txt",
        ),
        (
            "open('/etc/hostname').close(); pixels = image.pixels * 1",
            "no file",
            "read /etc/hostname",
        ),
        (
            "import cv2; cv2.imwrite('x.png', image.pixels); pixels = image.pixels * 1",
            "no file",
            "wrote x.png",
        ),
        (
            "import subprocess; subprocess.run(['true']); pixels = image.pixels * 1",
            "no file",
            "subprocess.Popen",
        ),
        (
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect"
            "(('127.0.0.1', 9)); pixels = image.pixels * 1",
            "no file",
            "socket.connect",
        ),
        (
            "pixels = image.pixels[:, :2] * 1 if image.width == 1 else 1 / 0",
            "exactly the declared outputs",
            "ZeroDivisionError",
        ),
        (
            "pixels = image.pixels * (1 if image.width > 1 else 1 / 0)",
            "1 x 1",
            "ZeroDivisionError",
        ),
        (
            "pixels = image.pixels * (1 if image.depth == 8 else 1 / 0)",
            "16-bit",
            "ZeroDivisionError",
        ),
        (
            "pixels = image.pixels * (1 if image.pixels.shape[2] == 3 else 1 / 0)",
            "a grey image",
            "ZeroDivisionError",
        ),
        ("raise SystemExit(0)", "exactly the declared outputs", "tried to end the program"),
        ("raise GeneratorExit", "exactly the declared outputs", "raised GeneratorExit"),
        (
            "from dataclasses import replace; image = replace(image, icc=None)\n    "
            "pixels = image.pixels * 1",
            "an image with a colour profile",
            "hand on the `icc` of the input",
        ),
        (
            "import numpy as np; waste = np.ones(10**8, np.float32); pixels = image.pixels * 1",
            "memory",
            "the declared cost allows 168 MiB",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broken_promise_is_named(write: Write, body: str, title: str, detail: str) -> None:
    found = broken(check_step(write(body)))
    assert any(title in name and detail in text for name, text in found.items()), found


def test_a_description_that_nothing_can_be_compared_with_is_a_broken_promise(write: Write) -> None:
    body = (
        "import numpy as np; whole = (0, 0, image.width, image.height)\n"
        "    vectors = np.full((1, 4), np.nan, np.float32)\n"
        "    return {'embedding': Embedding(vectors=vectors, regions=(whole,), model='net')}\n"
        "    pixels = None"
    )
    found = Port(name="embedding", kind=Kind.EMBEDDING)
    told = broken(check_step(replace(write(body), outputs=(found,))))
    assert any("'embedding' holds NaN" in text for text in told.values()), told


def test_a_refusal_by_unsupported_is_no_breach(write: Write) -> None:
    refuse = "if min(image.pixels.shape[:2]) < 16: raise Unsupported('at least 16 x 16 pixels')\n"
    assert_step_conforms(write(f"{refuse}    {HONEST}"))


def test_a_step_for_grey_images_alone_conforms(write: Write) -> None:
    refuse = "if image.pixels.shape[2] == 3: raise Unsupported('grey images only')\n"
    assert_step_conforms(write(f"{refuse}    {HONEST}"))


def test_a_step_that_refuses_everything_does_not_conform(write: Write) -> None:
    found = broken(check_step(write("raise Unsupported('closed today')")))
    assert (
        "closed today" in found["It returns exactly the declared outputs, sane in kind and range"]
    )


def test_a_plugin_module_that_loads_numpy_is_named(write: Write) -> None:
    found = broken(check_step(write(extra="import numpy")))
    assert any("loads numpy; import it inside run" in text for text in found.values())


def test_a_slow_plugin_module_is_named(write: Write) -> None:
    slow = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    found = broken(check_step(write(extra=slow)))
    assert any("takes 2" in text for text in found.values())


def test_a_probe_that_returns_something_else_is_named(write: Write) -> None:
    step = write(extra="def probe(inputs, params, ctx): return True")
    step = replace(step, applies=step.run.replace(":run", ":probe"))
    assert "it returned bool" in str(broken(check_step(step)))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("needed=False, reason=''", "the reason is empty"),
        ("needed=True, reason=''", "it gave no reason"),
        ("needed=True, reason=5", "reason of type int"),
        ("needed=True, reason='dust', scores={'dust': float('nan')}", "'dust' is not finite"),
        ("needed=True, reason='dust', scores={1: 0.5}", "a name is printable text"),
    ],
)
def test_a_probe_whose_verdict_cannot_be_recorded_is_named(
    write: Write, verdict: str, words: str
) -> None:
    step = write(extra=f"def probe(inputs, params, ctx): return Verdict({verdict})")
    step = replace(step, applies=step.run.replace(":run", ":probe"))
    assert words in broken(check_step(step))["The probe `applies` returns a Verdict"]


def test_a_step_whose_scores_cannot_be_recorded_is_named(write: Write) -> None:
    body = (
        "from archivist.api import Scores; "
        "return {'image': image, 'scores': Scores({'dust': 'much'})}"
    )
    step = write(body)
    scores = replace(step.outputs[0], name="scores", kind=Kind.SCORES)
    found = broken(check_step(replace(step, outputs=[*step.outputs, scores])))
    assert any("the score 'dust' is of type str" in detail for detail in found.values())


def test_a_failing_self_test_is_named(write: Write) -> None:
    step = write(extra="def proof(ctx): raise ValueError('expected 3 scratches, found 2')")
    step = replace(step, self_test=step.run.replace(":run", ":proof"))
    assert "expected 3 scratches" in str(broken(check_step(step)))


def test_missing_weights_are_named_with_their_cure_and_the_rest_is_not_examined(
    write: Write, tmp_path: Path
) -> None:
    fields = (
        "weights=[__import__('archivist.api').api.Weight(name='paper', licence='MIT',"
        " source='the authors', importer='x.y:z')]"
    )
    step = write("ctx.weights('paper'); pixels = image.pixels * 1", fields=fields)
    promises = check_step(step, folders=[tmp_path / "none"])
    assert "archivist weights import paper FILE" in str(broken(promises))
    assert None in {promise.kept for promise in promises}


def test_a_dotted_string_that_leads_nowhere_is_named(write: Write) -> None:
    step = replace(write(), applies="no_such_package.probe:applies")
    assert "no_such_package" in str(broken(check_step(step)))


def test_promises_are_tried_without_optional_inputs_first(write: Write) -> None:
    step = write("pixels = image.pixels * (1 if 'mask' in inputs else 3)")
    mask = replace(step.inputs[0], name="mask", kind=Kind.MASK, required=False)
    found = broken(check_step(replace(step, inputs=[*step.inputs, mask])))
    assert any("exactly the declared outputs" in title for title in found)


def test_a_step_that_fails_on_an_optional_input_is_named(write: Write) -> None:
    step = write("pixels = image.pixels * (1 / 0 if 'mask' in inputs else 1)")
    mask = replace(step.inputs[0], name="mask", kind=Kind.MASK, required=False)
    found = broken(check_step(replace(step, inputs=[*step.inputs, mask])))
    ((title, detail),) = found.items()
    assert "optional inputs" in title
    assert "ZeroDivisionError" in detail


def test_the_assertion_lists_every_broken_promise_on_a_line(write: Write) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_step_conforms(write("pixels = image.pixels * 3"))
    lines = str(caught.value).splitlines()
    assert lines[0] == "step 'sample.halve' does not conform:"
    assert all(line.startswith(("BROKEN: ", "not examined: ")) for line in lines[1:])


def test_the_global_random_state_is_as_before_a_check(write: Write) -> None:
    step = write("import numpy as np; np.random.seed(5); pixels = image.pixels * 1")
    before = random.getstate(), np.random.get_state()[1].tolist()
    check_step(step)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_what_a_step_writes_does_not_land_in_the_callers_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    step = write("open('stray.txt', 'w').close(); pixels = image.pixels * 1")
    monkeypatch.chdir(folder)
    check_step(step)
    assert list(folder.iterdir()) == []


def test_run_step_takes_params_as_a_recipe_writes_them(write: Write) -> None:
    image = sample_image()
    result = run_step(write(), {"gain": 1}, image=image)
    np.testing.assert_array_equal(result["image"].pixels, image.pixels)


def test_run_step_refuses_what_the_engine_would_refuse(write: Write) -> None:
    with pytest.raises(BadOutput, match="spans"):
        run_step(write("pixels = image.pixels - 5"), image=sample_image())


@pytest.mark.parametrize("kind", list(Kind))
def test_there_is_a_sample_for_every_kind_of_input(write: Write, kind: Kind) -> None:
    step = write()
    port = replace(step.inputs[0], name="other", kind=kind)
    step = replace(step, inputs=[*step.inputs, port])
    image = sample_image()
    assert run_step(step, **sample_inputs(step, image))["image"] is not image


def test_a_fake_context_tells_where_an_undeclared_weight_belongs(write: Write) -> None:
    with pytest.raises(WeightsMissing, match=r"declare it in the weights of step 'sample\.halve'"):
        FakeContext(spec=write()).weights("other")


def test_a_fake_context_can_be_cancelled(write: Write) -> None:
    with pytest.raises(Cancelled):
        FakeContext(spec=write(), cancelled=True).check_cancelled()


def test_a_step_that_refuses_says_why(write: Write) -> None:
    with pytest.raises(Unsupported, match="only at night"):
        run_step(write("raise Unsupported('only at night')"), image=sample_image())


def test_the_tiny_archive_holds_scans_of_several_kinds(tiny_archive: Path) -> None:
    suffixes = {path.suffix for path in tiny_archive.rglob("*") if path.is_file()}
    assert suffixes == {".jpg", ".png", ".tif", ".txt"}


def test_the_pytest_plugin_loads_neither_numpy_nor_the_engine() -> None:
    code = (
        "import json, sys; import archivist.testing, archivist.testing.fixtures;"
        "heavy = {'numpy', 'PIL', 'cv2', 'dask', 'torch'};"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
