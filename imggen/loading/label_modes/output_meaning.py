"""The meaning of a model's output, as far as the model reveals it."""

from __future__ import annotations

from typing import Literal, NamedTuple, final

from imggen.errors import OptionError

ScoreFunction = Literal["sigmoid", "softmax"]


@final
class OutputMeaning(NamedTuple):
    """The evidence for what the numbers of one output of a model are.

    Attributes:
        activation: The function that the output ends in: "sigmoid", "softmax", "linear" for none,
            or the name of another one. None: not known, as in a subclassed model.
        loss: The name of the loss, as messages show it; None without one.
        loss_function: The function that the loss applies to logits, where it is a crossentropy.
        loss_takes_logits: Whether the loss treats the output as logits. None: not known, as with
            a function of the user's, or without a loss.
        from_logits: The value that the user passed, which overrides all of these; or None.
    """

    activation: str | None = None
    loss: str | None = None
    loss_function: ScoreFunction | None = None
    loss_takes_logits: bool | None = None
    from_logits: bool | None = None

    @property
    def is_binary(self) -> bool:
        """Whether one unit is known to distinguish two classes."""
        return self.activation == "sigmoid" or self.loss_function == "sigmoid"

    @property
    def is_softmax(self) -> bool:
        """Whether the scores of an image add up to 1, so that those of one unit are always 1."""
        if self.from_logits is None and self.activation in {"sigmoid", "softmax"}:
            return self.activation == "softmax"
        return self.loss_function == "softmax"

    def is_logits(self) -> bool | None:
        """Decides whether the output is logits; None if only its values can show that.

        Raises:
            OptionError: The model contradicts itself, or does not reveal it.
        """
        if self.from_logits is not None:
            return self.from_logits
        if self.activation in {"sigmoid", "softmax"}:
            if self.loss_takes_logits:
                raise OptionError(
                    f"The model ends in a {self.activation}, and its loss {self.loss} "
                    "treats the output as logits. Remove one of them and train again; or pass "
                    "from_logits=False to use the output as probabilities."
                )
            return False
        if self.loss_takes_logits is not None:
            return self.loss_takes_logits
        if self.activation == "linear":
            reason = "the model has no loss" if self.loss is None else f"its loss is {self.loss}"
            raise OptionError(
                f"The last layer of the model has no activation, and {reason}, so it is not known "
                "whether the output is logits. Pass from_logits=True if it is, or "
                "from_logits=False if it is probabilities."
            )
        return None

    def describe(self) -> str:
        """Returns the evidence as the end of a sentence; empty if there is none."""
        facts = []
        if self.activation is not None:
            none = self.activation == "linear"
            facts.append("no activation" if none else f"the activation {self.activation}")
        if self.loss is not None:
            facts.append(f"the loss {self.loss}")
        return f" ({', '.join(facts)})" if facts else ""
