"""From an exported dataset folder to models: settings in, a run folder out.

A stage is a module with a frozen dataclass of settings and one function: `reward.RewardSettings` and
`reward.train_reward`, and so on for `sft`, `ppo`, `dpo`, `kto`, `grpo` and `rloo`. `settings` reads the dataclass from
a recipe, `data` opens the dataset folder, `run_folder` holds what a stage writes. Torch and the libraries around it are
imported inside functions, so that a recipe can be read and checked without them.

A stage reads what was exported and never the graph.
"""

from __future__ import annotations
