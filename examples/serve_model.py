"""Serves a model over HTTP: an image in the body of a request, its most likely classes in reply.

python examples/serve_model.py model.keras           # pip install "imggen[serve]"
curl --data-binary @photo.jpg http://127.0.0.1:8000/predict
"""

import argparse

import fastapi
import keras

import imggen


def make_app(model_file: str) -> fastapi.FastAPI:
    """Makes the application for a .keras file that ``sequence.preprocessing.save`` completed."""
    model = keras.saving.load_model(model_file)
    prep = imggen.Preprocessing.load(model_file)
    app = fastapi.FastAPI()

    @app.get("/classes")
    def list_classes() -> list[str]:
        return list(prep.class_names)

    @app.post("/predict")
    def predict(image: bytes = fastapi.Body(media_type="image/*"), top: int = 3) -> dict:
        try:
            x = prep(image)
        except imggen.errors.ImageError as err:
            raise fastapi.HTTPException(422, err.reason) from err
        (best,) = prep.decode_predictions(model.predict(x, verbose=0), top=top)
        return {"predictions": [{"class": name, "probability": p} for name, p in best]}

    return app


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a .keras file with preprocessing settings")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    uvicorn.run(make_app(arguments.model), port=arguments.port)
