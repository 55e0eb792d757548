"""Trains on a folder of classes, and predicts one file in a new process, from one .keras file."""

import json
import subprocess
import sys

from keras import Sequential, layers
from keras.applications.mobilenet_v2 import preprocess_input

import imggen

train, val, test = imggen.from_directory(
    sys.argv[1], image_size=(32, 32), split=(0.6, 0.2, 0.2), preprocess=preprocess_input
)
model = Sequential([layers.Conv2D(64, 3, 2, activation="relu"), layers.Flatten()])
model.add(layers.Dense(train.num_classes, activation="softmax"))
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=val, epochs=8, verbose=0)
print("test accuracy", model.evaluate(test, verbose=0)[1])
model.save("model.keras")
train.preprocessing.save("model.keras")  # into the file that Keras wrote
command = [sys.executable, "-m", "imggen", "predict", "model.keras", test.filepaths[0], "--json"]
done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
row, here = json.loads(done.stdout)["rows"][0], test.predict(model).iloc[0]
print(row["predicted"], max(abs(row[f"p_{c}"] - here[f"p_{c}"]) for c in test.class_names))
