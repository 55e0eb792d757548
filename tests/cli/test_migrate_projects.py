"""Projects of several files, of which some use a loader."""

from tests.helpers.command_line import invoke


def test_the_files_of_a_project_that_name_no_loader_are_examined_too(tmp_path):
    model = "from keras.optimizers import *\nmodel.compile(Adam(lr=1e-4))\n"
    (tmp_path / "model.py").write_text(model)
    (tmp_path / "other.py").write_text("import os\nos.fit(lr=1)\n")
    assert "model.py" not in invoke("migrate", tmp_path).output  # no script uses a loader
    assert "Adam(lr=...); write learning_rate=" in invoke("migrate", tmp_path / "model.py").output

    main = "from model import *\nmodel.fit_generator(batches, steps_per_epoch=300 / 2)\n"
    (tmp_path / "main.py").write_text(main)
    result = invoke("migrate", tmp_path).output
    assert "line 2: trap: removed in Keras 3: .fit_generator; write fit" in result
    assert "line 2: trap: fractional steps: steps_per_epoch=300 / 2" in result
    assert "line 2: trap: removed in Keras 3: Adam(lr=...); write learning_rate=" in result
    assert result.index("main.py") < result.index("model.py")
    assert "other.py" not in result
    assert (tmp_path / "model.py").read_text() == model
