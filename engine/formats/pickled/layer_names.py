"""Compatibility tables for pickles of older versions of torch and torchvision.

Every entry leaves the network's behaviour unchanged: a former name of a class, the implied value of
a setting that did not exist yet, a setting that the forward pass in eval mode does not read.
"""

from __future__ import annotations

_BEFORE = {
    "torch.nn.modules.linear._LinearWithBias": (
        "torch.nn.modules.linear.NonDynamicallyQuantizableLinear"
    ),
    "torchvision.models.mobilenet.MobileNetV2": "torchvision.models.mobilenetv2.MobileNetV2",
    "torchvision.models.mobilenet.InvertedResidual": (
        "torchvision.models.mobilenetv2.InvertedResidual"
    ),
    # Sequences of convolution, normalisation and activation, under four names.
    **dict.fromkeys(
        (
            "torchvision.models.mobilenet.ConvBNReLU",
            "torchvision.models.mobilenetv2.ConvBNReLU",
            "torchvision.models.mobilenetv2.ConvBNActivation",
            "torchvision.ops.misc.ConvNormActivation",
        ),
        "torchvision.ops.misc.Conv2dNormActivation",
    ),
}

_LAYERS = "torch.nn.modules."
_NETWORKS = "torchvision.models."
_CONVOLUTIONS = tuple(
    f"{_LAYERS}conv.{name}"
    for name in (
        *("Conv1d", "Conv2d", "Conv3d"),
        *("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    )
)
_BATCH_NORMS = tuple(f"{_LAYERS}batchnorm.BatchNorm{axes}d" for axes in (1, 2, 3))
_DROPOUTS = tuple(
    f"{_LAYERS}dropout.{name}"
    for name in (
        *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
        *("AlphaDropout", "FeatureAlphaDropout"),
    )
)

MEANT_BEFORE: dict[tuple[str, str], object] = {
    **{(kind, "padding_mode"): "zeros" for kind in _CONVOLUTIONS},
    **{(kind, "track_running_stats"): True for kind in _BATCH_NORMS},
    (f"{_LAYERS}activation.GELU", "approximate"): "none",
    (f"{_LAYERS}activation.Hardsigmoid", "inplace"): False,
    (f"{_LAYERS}activation.Hardswish", "inplace"): False,
    (f"{_LAYERS}activation.SiLU", "inplace"): False,
    (f"{_LAYERS}activation.MultiheadAttention", "batch_first"): False,
    (f"{_LAYERS}activation.MultiheadAttention", "_qkv_same_embed_dim"): True,
    (f"{_LAYERS}upsampling.Upsample", "recompute_scale_factor"): True,
    (f"{_LAYERS}pooling.AvgPool2d", "divisor_override"): None,
    (f"{_LAYERS}pooling.AvgPool3d", "divisor_override"): None,
    (f"{_NETWORKS}densenet._DenseLayer", "memory_efficient"): False,
    (f"{_NETWORKS}inception.Inception3", "transform_input"): False,
}
"""The implied value where a class had no such setting yet, by class and setting name."""

_UNUSED: dict[str, set[str]] = {
    **{kind: {"p", "inplace"} for kind in _DROPOUTS},
    **{kind: {"momentum"} for kind in _BATCH_NORMS},
    # Derived from padding and padding_mode, which are compared; its form differs between versions.
    **{
        kind: {"_reversed_padding_repeated_twice", "_padding_repeated_twice"}
        for kind in _CONVOLUTIONS
    },
    f"{_LAYERS}linear.Linear": {"stddev"},
    f"{_LAYERS}activation.MultiheadAttention": {"dropout"},
    "torchvision.ops.stochastic_depth.StochasticDepth": {"p"},
    "torchvision.ops.misc.Conv2dNormActivation": {"out_channels"},
    f"{_NETWORKS}resnet.ResNet": {"inplanes", "dilation", "groups", "base_width", "_norm_layer"},
    f"{_NETWORKS}resnet.BasicBlock": {"stride"},
    f"{_NETWORKS}resnet.Bottleneck": {"stride"},
    f"{_NETWORKS}inception.BasicConv2d": {"stddev"},
    f"{_NETWORKS}densenet._DenseLayer": {"drop_rate"},
    f"{_NETWORKS}mobilenetv2.MobileNetV2": {"last_channel"},
    f"{_NETWORKS}mobilenetv2.InvertedResidual": {"stride", "out_channels", "_is_cn"},
    f"{_NETWORKS}mobilenetv3.InvertedResidual": {"out_channels", "_is_cn"},
    f"{_NETWORKS}efficientnet.MBConv": {"out_channels"},
    f"{_NETWORKS}efficientnet.FusedMBConv": {"out_channels"},
    f"{_NETWORKS}mnasnet.MNASNet": {"alpha", "num_classes"},
    f"{_NETWORKS}squeezenet.SqueezeNet": {"num_classes"},
    f"{_NETWORKS}squeezenet.Fire": {"inplanes"},
    f"{_NETWORKS}regnet.SimpleStemIN": {"out_channels"},
    f"{_NETWORKS}shufflenetv2.ShuffleNetV2": {"_stage_out_channels"},
    f"{_NETWORKS}swin_transformer.SwinTransformer": {"num_classes"},
    f"{_NETWORKS}swin_transformer.ShiftedWindowAttention": {"attention_dropout", "dropout"},
    f"{_NETWORKS}swin_transformer.ShiftedWindowAttentionV2": {"attention_dropout", "dropout"},
    f"{_NETWORKS}vision_transformer.VisionTransformer": {
        *("attention_dropout", "dropout", "num_classes", "mlp_dim", "seq_length"),
        *("representation_size", "norm_layer"),
    },
    f"{_NETWORKS}vision_transformer.EncoderBlock": {"num_heads"},
}

# Set by torch.compile on every module.
_MARKS = frozenset({"_is_torch_compile"})

# Set by training programs on library networks, whose code does not read these names.
NOTES = frozenset(
    {
        *("class_to_idx", "idx_to_class", "class_names", "classnames", "classes", "labels"),
        *("cat_to_name", "index_to_class", "label_names", "arch", "model_name", "best_acc"),
    }
)
_LIBRARIES = ("torch.nn.", "torchvision.")


def canonical(name: str) -> str:
    """The current name of a class."""
    return _BEFORE.get(name, name)


def unused(kind: str, setting: str) -> bool:
    """Whether a module of that class ignores the setting in eval mode."""
    if setting in NOTES:
        return kind.startswith(_LIBRARIES)
    return setting in _UNUSED.get(kind, ()) or setting in _MARKS
