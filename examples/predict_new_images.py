"""Trains on a folder of classes, and predicts one file in a new process, from one .keras file."""

import json
import subprocess
import sys

import keras

import imggen

train, val, test = imggen.from_directory(
    sys.argv[1],
    image_size=(32, 32),
    split=(0.6, 0.2, 0.2),
    preprocess=keras.applications.mobilenet_v2.preprocess_input,
)
model = keras.applications.MobileNetV2((32, 32, 3), 0.35, weights=None, classes=train.num_classes)
model.compile("adam", "categorical_crossentropy")
model.fit(train, epochs=1, verbose=0)
model.save("model.keras")
train.preprocessing.save("model.keras")  # into the file that Keras wrote
command = [sys.executable, "-m", "imggen", "predict", "model.keras", test.filepaths[0], "--json"]
done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
row, here = json.loads(done.stdout)["rows"][0], test.predict(model).iloc[0]
print(row["predicted"], max(abs(row[f"p_{c}"] - here[f"p_{c}"]) for c in test.class_names))
