"""What a run is made with: the settings, what is refused, and the presets."""

from mdgen.config.schema import (AdversaryConfig, Config, DataConfig, DiffusionConfig, EvaluationConfig, InitConfig,
                                 JointConfig, SamplingConfig, TrainingConfig, UNetConfig, VAEConfig, build, override)

__all__ = ["AdversaryConfig", "Config", "DataConfig", "DiffusionConfig", "EvaluationConfig", "InitConfig", "JointConfig",
           "SamplingConfig", "TrainingConfig", "UNetConfig", "VAEConfig", "build", "override"]
