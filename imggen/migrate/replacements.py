"""Replacements for what Keras 3 has removed, ignores or refuses."""

from __future__ import annotations

_BATCHES = "it counts batches, not images"

# By the name, or by the whole path where the name alone is not enough.
NAMES = {
    "Tokenizer": "write keras.layers.TextVectorization",
    "keras.preprocessing.text": "write keras.layers.TextVectorization",
    "KerasClassifier": "write keras.wrappers.SKLearnClassifier",
    "KerasRegressor": "write keras.wrappers.SKLearnRegressor",
    "keras.wrappers.scikit_learn": "see keras.wrappers.SKLearnClassifier",
    "CuDNNLSTM": "write keras.layers.LSTM",
    "CuDNNGRU": "write keras.layers.GRU",
    "Merge": "write keras.layers.Concatenate or keras.layers.Add",
    "merge": "write keras.layers.concatenate or keras.layers.add",
    "multi_gpu_model": "see keras.distribution.DataParallel",
    "keras.layers.merge.concatenate": "write keras.layers.concatenate",
    "keras.layers.merge.add": "write keras.layers.add",
    "tensorflow_backend": "write keras.backend; there are no sessions",
    "np_utils": "write keras.utils",
    "vis_utils": "write keras.utils",
    "data_utils": "write keras.utils",
    "generic_utils": "write keras.utils",
    "layer_utils": "write keras.utils",
}

# Functions of keras.backend, other than those that keras.ops has by the same name.
BACKEND = {
    "image_dim_ordering": "keras.config.image_data_format",
    "set_image_dim_ordering": 'keras.config.set_image_data_format("channels_first")',
    "tensorflow_backend": "keras.backend; there are no sessions",
    "set_session": "leave it out: there are no sessions",
    "get_session": "leave it out: there are no sessions",
    "set_learning_phase": "pass training= to the call of the model",
    "learning_phase": "pass training= to the call of the model",
    "in_train_phase": "if training: in call(self, inputs, training)",
    "in_test_phase": "if not training: in call(self, inputs, training)",
    "get_value": "keras.ops.convert_to_numpy(variable)",
    "eval": "keras.ops.convert_to_numpy(value)",
    "set_value": "variable.assign(value)",
    "update": "variable.assign(value)",
    "update_add": "variable.assign_add(value)",
    "function": "keras.Model(inputs, outputs)",
    "gradients": "tf.GradientTape of TensorFlow",
    "int_shape": "x.shape",
    "placeholder": "keras.Input",
    "variable": "keras.Variable",
    "constant": "keras.ops.convert_to_tensor",
    "flatten": "keras.ops.ravel",
    "batch_flatten": "keras.ops.reshape(x, (x.shape[0], -1))",
    "pow": "keras.ops.power",
    "l2_normalize": "keras.ops.normalize",
    "permute_dimensions": "keras.ops.transpose",
    "repeat_elements": "keras.ops.repeat",
    "resize_images": "keras.ops.image.resize",
    "random_uniform": "keras.random.uniform",
    "random_normal": "keras.random.normal",
    "switch": "keras.ops.where",
    "batch_dot": "keras.ops.matmul",
    "bias_add": "keras.ops.add",
    "spatial_2d_padding": "keras.ops.pad",
    "pool2d": "keras.ops.max_pool",
    "conv2d": "keras.ops.conv",
    "control_flow_ops": "keras.ops.cond",
    "tf": "import tensorflow as tf",
}

# By function and argument; "" for any function.
ARGUMENTS = {
    ("", "lr"): "write learning_rate=",
    ("", "nb_epoch"): "write epochs=",
    ("", "samples_per_epoch"): f"write steps_per_epoch=; {_BATCHES}",
    ("", "nb_val_samples"): f"write validation_steps=; {_BATCHES}",
    ("", "val_samples"): f"write steps=; {_BATCHES}",
    ("", "workers"): "pass workers= to flow_from_directory",
    ("", "use_multiprocessing"): "pass it to flow_from_directory, or leave it out",
    ("", "show_accuracy"): 'pass metrics=["accuracy"] to compile',
    ("", "generator"): "pass the source first, without a name",
    ("ModelCheckpoint", "period"): 'write save_freq="epoch"',
    ("", "save_format"): "leave it out: the end of the file name decides",
    ("", "output_dim"): "write units=",
    ("", "border_mode"): "write padding=",
    ("", "subsample"): "write strides=",
    ("", "nb_filter"): "write filters=",
    ("", "nb_row"): "write kernel_size=",
    ("", "nb_col"): "write kernel_size=",
    ("", "init"): "write kernel_initializer=",
    ("", "W_regularizer"): "write kernel_regularizer=",
    ("", "b_regularizer"): "write bias_regularizer=",
    ("", "W_constraint"): "write kernel_constraint=",
    ("", "b_constraint"): "write bias_constraint=",
    ("", "dim_ordering"): "write data_format=",
    ("", "bias"): "write use_bias=",
    ("", "p"): "write rate=",
    ("", "nb_classes"): "write num_classes=",
    ("to_categorical", "y"): "write x=",
    ("", "inner_activation"): "write recurrent_activation=",
    ("", "inner_init"): "write recurrent_initializer=",
    ("", "schedule_decay"): "leave it out",
    ("", "batch_input_shape"): "write an Input(batch_shape=...) first",
    ("", "weights"): "call set_weights afterwards",
    ("", "input_length"): "leave it out",
    ("Model", "input"): "write inputs=",
    ("Model", "output"): "write outputs=",
}
_GENERATOR_ARGUMENTS = "its arguments by name, without workers= and max_queue_size="

# Attributes of the iterators that ImageDataGenerator returns.
FLOW_ATTRIBUTES = {
    "nb_sample": "write .samples",
    "nb_class": "write .num_classes",
}

# Attributes and methods of models, layers and callbacks.
MODEL_ATTRIBUTES = {
    "fit_generator": f"write fit and {_GENERATOR_ARGUMENTS}",
    "evaluate_generator": f"write evaluate and {_GENERATOR_ARGUMENTS}",
    "predict_generator": f"write predict and {_GENERATOR_ARGUMENTS}",
    "predict_classes": "write predict(x).argmax(axis=-1), or predict(x) > 0.5 for one sigmoid",
    "predict_proba": "write predict",
    "to_yaml": "write to_json",
    "_make_predict_function": "leave it out",
    "_make_train_function": "leave it out",
    "get_output_at": "write .output",
    "get_input_at": "write .input",
    "inbound_nodes": "it is private now",
    "outbound_nodes": "it is private now",
    "uses_learning_phase": "leave it out",
    "total_loss": "compute the loss from the model's outputs",
    "metrics_tensors": "leave it out",
    "_keras_shape": "write .shape",
}

# The effect of each kind of incompatibility, and the fix.
EFFECTS = {
    "removed in Keras 3": (
        "The name or argument raises an error in Keras {version}, which imggen needs.",
        "Make the change that the line names.",
    ),
    "ignored by Keras 3": (
        "Keras {version} accepts the argument or attribute, and does nothing with it.",
        "Make the change that the line names.",
    ),
    "fractional steps": (
        (
            "A number of steps or epochs that is not an int raises a TypeError in Keras "
            "3, even if it is whole: the results of / and np.ceil are floats."
        ),
        (
            "Leave steps out for a source that knows its length, such as that of "
            "flow_from_directory; or write math.ceil(n / batch_size), or //."
        ),
    ),
    "file name refused by Keras 3": (
        "Keras 3 chooses the format by the end of the file name, and raises an error for others.",
        (
            "Weights end in .weights.h5; whole models in .keras, .h5 or .hdf5, and in "
            "callbacks in .keras or .h5."
        ),
    ),
    "source refused by Keras 3": (
        (
            "Of Python's iterators, Keras 3 accepts only generators that yield tuples, "
            "and raises a ValueError for others."
        ),
        (
            "Write a generator function: while True: yield next(images), next(masks). For "
            "masks, imggen.from_directory(images, mask_dir=masks) needs none."
        ),
    ),
    "class weights refused by Keras 3": (
        (
            "Keras 3 expects class_weight= to be a dict from class to weight, and accepts it "
            "for arrays and sources with a length only. Anything else raises an error."
        ),
        "Pass dict(enumerate(weights)).",
    ),
    "metric of another name": (
        (
            'A metric keeps the name that compile(metrics=[...]) gives it: "accuracy" is logged as '
            '"accuracy" and "val_accuracy", not as "acc". Reading "acc" raises a KeyError; a '
            "callback that monitors it raises a ValueError, or with mode= saves or stops nothing."
        ),
        "Use the name that compile has.",
    ),
    "period is in batches": (
        (
            "The seventh positional argument of ModelCheckpoint was period, in epochs. In Keras 3 "
            "it is save_freq: a number counts batches."
        ),
        "Pass all arguments of ModelCheckpoint by name.",
    ),
    "arguments of Keras 1": (
        (
            "The third positional argument of a convolution is strides. In Keras 1, the "
            "second and third were the rows and columns of the kernel."
        ),
        "Write the size of the kernel as a tuple.",
    ),
    "TensorFlow 1": (
        "The name is of TensorFlow 1, and raises an AttributeError in the installed TensorFlow.",
        "Keras 3 has no sessions or graphs; options of a session go to tf.config.",
    ),
    "Keras 2 inside TensorFlow": (
        (
            "tensorflow.python.keras is a private copy of Keras 2, whose models cannot "
            "read from imggen's iterators."
        ),
        "Import from keras.",
    ),
}
