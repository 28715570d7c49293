"""Language models of this machine: opened, asked, held against each other.

Only what must be padded is padded (generation, on the left); likelihoods are worked out text by text, so that they
depend neither on batch size nor on the kernel's way with masks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

Message = dict[str, str]
"""`role` and `content`."""
Prompt = str | list[Message]
"""A plain text, or a conversation."""


@dataclass(frozen=True)
class Response:
    """What a model wrote.

    Attributes:
        text: Without special tokens.
        tokens: Its token ids, the one that ends it included.
        ended: Whether it ended by itself, and not for want of room.
    """

    text: str
    tokens: tuple[int, ...]
    ended: bool


@dataclass(frozen=True)
class Language:
    """A language model and its tokenizer.

    Attributes:
        name: What it is called in the report.
        folder: Where it is from.
        tokenizer: Its tokenizer, which pads on the left.
        room: The longest text that it takes, in tokens.
        model: A causal language model in evaluation mode; None until `with_weights` loads it.
    """

    name: str
    folder: Path
    tokenizer: Any
    room: int
    model: Any = None

    @property
    def parameters(self) -> int:
        """How many weights the model has; tied ones count once."""
        return int(self.model.num_parameters())

    def ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt, up to where the answer begins; at least one.

        Args:
            prompt: A plain text, taken as it stands, or a conversation, put into the model's chat template.

        Raises:
            TrainingError: If the model has no chat template.
        """
        text = prompt if isinstance(prompt, str) else self._templated(prompt)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] or [self.tokenizer.eos_token_id]

    def _templated(self, prompt: Sequence[Message]) -> str:
        if not self.tokenizer.chat_template:
            raise TrainingError(
                f"the tokenizer of {self.folder} has no chat template, and the prompts are conversations",
                hint="give the model a chat template: tokenizer.chat_template = …, then save it again",
                file=self.folder, key="chat_template",
            )
        from jinja2 import TemplateError

        messages = [{"role": each["role"], "content": each["content"]} for each in prompt]
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except TemplateError:
            if messages[0]["role"] != "system" or len(messages) < 2:
                raise
            # Some templates know no system message.
            first = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
            messages = [first, *messages[2:]]
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def with_system(prompt: Prompt | None, system: str) -> Prompt:
    r"""A prompt behind a system message; a plain text (or none) behind the words.

    Example:
        >>> with_system([{"role": "user", "content": "Hi"}], "Be kind.")[0]
        {'role': 'system', 'content': 'Be kind.'}
        >>> with_system("Hi", "Be kind.")
        'Be kind.\n\nHi'
    """
    if prompt is None or isinstance(prompt, str):
        return f"{system}\n\n{prompt or ''}"
    return [{"role": "system", "content": system}, *prompt]


def quiet(_: object) -> None:
    """Progress that nobody wants to hear of."""


def is_reward_model(folder: Path) -> bool:
    """Whether a folder holds a sequence classifier.

    Raises:
        TrainingError: If it holds no model.
    """
    return any("ForSequenceClassification" in each for each in _config(folder).get("architectures") or ())


def open_language(folder: Path, name: str = "") -> Language:
    """A language model without its weights.

    Raises:
        TrainingError: If the folder holds none, or its tokenizer has no token to end a text with.
        MissingExtraError: If torch or transformers is not installed.
    """
    config = _config(folder)
    _, transformers = libraries()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    except (OSError, ValueError) as error:
        raise _unfit(folder, error) from error
    if tokenizer.eos_token_id is None:
        raise TrainingError(
            f"the tokenizer of {folder} has no token that ends a text", hint="set eos_token and save it again",
            file=folder, key="eos_token",
        )
    places = (config, config.get("text_config") or {})
    room = next((each["max_position_embeddings"] for each in places if each.get("max_position_embeddings")), None)
    return Language(name or folder.name, folder, tokenizer, int(room or tokenizer.model_max_length))


def with_weights(language: Language) -> Language:
    """The same with its weights: float32 on a CPU, in its own precision on a GPU.

    Raises:
        TrainingError: If the weights are missing or damaged.
    """
    torch, transformers = libraries()
    from safetensors import SafetensorError

    cuda = torch.cuda.is_available()
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            language.folder, dtype="auto" if cuda else torch.float32
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unfit(language.folder, error) from error
    ends = _ends(model, language.tokenizer)
    pad = language.tokenizer.pad_token_id if language.tokenizer.pad_token_id is not None else ends[0]
    # The checkpoint's own habits of sampling (top_p, a penalty for repeating, …) would make it another distribution.
    model.generation_config = transformers.GenerationConfig(eos_token_id=ends, pad_token_id=pad)
    return replace(language, model=model.eval().to("cuda" if cuda else "cpu"))


def _unfit(folder: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{folder} can't be opened as a language model: {(str(error).splitlines() or ['no reason told'])[0]}",
        hint="give a folder with config.json, the weights and the tokenizer", file=folder,
    )


def libraries() -> tuple[Any, Any]:
    """Torch and transformers, which the extra `train` installs.

    Raises:
        MissingExtraError: If one is missing.
    """
    from graphengine.models.offline import stay_offline

    stay_offline()
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError.of(error.name or "transformers", "train") from error
    transformers.utils.logging.disable_progress_bar()  # a bar for each model that is opened says nothing
    return torch, transformers


def respond(
    language: Language, prompts: Sequence[Prompt], *, most_tokens: int, batch_size: int, seed: int,
    greedy: bool = False, tell: Callable[[int], None] = quiet,
) -> list[Response]:
    """Have a model answer prompts: drawn from its own distribution (temperature 1, nothing cut off), or greedily.

    Args:
        language: The model.
        prompts: Plain texts or conversations.
        most_tokens: The most that an answer may have.
        batch_size: Prompts at once. It is a part of what a draw depends on, like the seed.
        seed: Of the draw; the caller's random numbers stay as they were.
        greedy: Take the likeliest token each time.
        tell: Is called with the number of prompts done.
    """
    torch, transformers = libraries()
    model, tokenizer = language.model, language.tokenizer
    sampling = {"do_sample": False} if greedy else {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    config = transformers.GenerationConfig(
        max_new_tokens=most_tokens, eos_token_id=model.generation_config.eos_token_id,
        pad_token_id=model.generation_config.pad_token_id, **sampling,
    )
    ends = set(config.eos_token_id)
    found: list[Response] = []
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        for at in range(0, len(prompts), batch_size):
            rows = [language.ids(prompt) for prompt in prompts[at:at + batch_size]]
            width = max(map(len, rows))
            ids = torch.tensor([[config.pad_token_id] * (width - len(row)) + row for row in rows])
            mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
            out = model.generate(
                input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config
            )
            for row in out[:, width:].tolist():
                stop = next((place for place, token in enumerate(row) if token in ends), None)
                tokens = tuple(row if stop is None else row[: stop + 1])
                text = tokenizer.decode(tokens, skip_special_tokens=True)
                found.append(Response(text, tokens, stop is not None))
            tell(len(found))
    return found


def log_probabilities(language: Language, before: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
    """The log probability of every token of the vocabulary, at each place of a text.

    Args:
        language: The model.
        before: Tokens that the text follows; at least one.
        tokens: The text.

    Returns:
        Shape (tokens, vocabulary), float32, in nats.
    """
    torch, _ = libraries()
    with torch.inference_mode():
        ids = torch.tensor([[*before, *tokens[:-1]]], device=language.model.device)
        logits = language.model(input_ids=ids, use_cache=False).logits[0, len(before) - 1:]
        return torch.log_softmax(logits.float(), dim=-1)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    hint = "give a folder that a stage of training wrote, or its model/"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TrainingError(f"{folder} holds no model: there is no {path}", hint=hint, file=folder) from error
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} can't be read: {error}", hint=hint, file=path) from error
    return content if isinstance(content, dict) else {}


def _ends(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer: the checkpoint's own, and the tokenizer's."""
    told = model.generation_config.eos_token_id if model.generation_config is not None else None
    told = [told] if isinstance(told, int) else list(told or ())
    return list(dict.fromkeys([*told, tokenizer.eos_token_id]))
