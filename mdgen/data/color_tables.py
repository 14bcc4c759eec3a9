"""The 256 colours of each colour map that spectrograms are painted with, weakest first."""

from functools import lru_cache

import numpy as np

from mdgen.config.schema import COLORMAPS

CYCLES = ("hsv",)   # known by sight, but no intensity can be read from them: they end where they begin

# Every fifth of the 256 colours as RRGGBB; the four between two of them lie on the straight line. Against the
# originals: at most 3 of 255 in a channel, at most one level when read back. Turbo: Mikhailov 2019; inferno, magma,
# plasma, viridis: Smith and van der Walt 2015; parula: MATLAB R2017b; parula_old: MATLAB R2014b.
NODES = {
    "turbo": (
        "30123b36215f3b2f803f3e9c424bb54559cb4666dd4773eb4680f6458cfd4099ff38a5fb2fb2f427bee91fc9dd"
        "1ad4d018ddc21ae4b622ebaa2ff19b3ff68a52fa7a65fd6979fe598bff4b9cfe40a9fb39b7f735c3f134d0ea34"
        "dbe236e5d938eecf3af5c53afaba39fdae35fea130fe932afc8423f9751df46617ef5811e84b0ce14109d83706"
        "ce2d04c32503b71d02a916019b0f018b09027a0403"
    ),
    "inferno": (
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e"
        "69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743"
        "d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42a"
        "f8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
    ),
    "magma": (
        "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a107952137c5a167e"
        "6219806a1c81721f81792282812581892881912b81992d80a1307eaa337db2357bba3878c23b75ca3e72d2426f"
        "d9466be04c67e75263ec5860f1605df4695cf7725cf97b5dfb8560fc8e64fd9869fea16efeaa74feb47bfebd82"
        "fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf"
    ),
    "plasma": (
        "0d08871b068d2605912f059638049a41049d4903a05102a35901a56100a76900a87100a87801a88004a88707a6"
        "8e0ca49511a19c179ea21d9aa82296ae2892b42e8dba3388bf3984c43e7fc9447acd4a76d24f71d6556dda5b69"
        "de6164e26660e66c5ce97257ed7953f07f4ff3854bf58c46f79342f99a3efba139fca835fdaf31feb72dfebe2a"
        "fdc627fcce25fbd724f8df25f6e826f3f027f0f921"
    ),
    "viridis": (
        "44015445085b470f62471669481d6f482374472a7946307d453681433c844142863e48883c4d8a3a538b37588c"
        "355d8c32628d30678d2e6c8e2c718e2a768e287a8e267f8e24848d23898d218d8c1f928c1e978a1e9b891ea087"
        "20a58523a98228ae7f2eb27c35b7783dbb7445bf6f4fc36959c76464cb5d70ce567cd24f88d54795d73fa2da37"
        "afdc2ebdde26cae01ed7e219e4e318f1e51cfde724"
    ),
    "parula": (
        "3e26a8402bb74330c54535d2463bde4742e64849ed4850f34757f7465efb4465fd406dfe3974ff327cfc2e83f9"
        "2d8af52c90f02797eb259ce722a2e41da8e119addc10b2d504b6ce00bac609bdbd1ac0b527c2ac2fc5a336c899"
        "40ca8d4ecc815ecd746ecd6681cc5993ca4ba4c83eb5c533c5c22ad3bf27e1bc2aecba32f7ba3dfebe3cfec537"
        "fdcd31fad52ef7dd2af5e526f5ec22f7f41cf9fb15"
    ),
    "parula_old": (
        "352a873632963639a63341b62c4ac61d54d50a5fdf0266e1046ce00971de0e76dc117bd91480d61485d4128bd3"
        "0e91d20a97d1079ccf06a1cc06a5c807a9c30aacbe10afb819b2b222b4ab2db7a439b99d46bb9654bd8e63be87"
        "71bf807fbf7a8dbf7599bf70a5be6bb0bd66bbbd62c6bc5ed0bb59daba55e4b950eeb94bf7ba45febf3dfec535"
        "fdcc30fad22af7d925f5e020f5e81af6f114f9fb0e"
    ),
}


@lru_cache(maxsize=None)
def color_table(colormap):
    """The map's colours, [256, 3] uint8 (read-only), all different; NAME_r begins with the last. "hsv" is known, too.

    Jet, hot and bone are MATLAB's. Those of Matplotlib and OpenCV have other corners; docs/options.md says how far
    their levels come out off. Raises ValueError for an unknown map.
    """
    name = colormap.removesuffix("_r")
    if name not in COLORMAPS + CYCLES:
        raise ValueError(f"colormap is {colormap!r}, expected one of {', '.join(COLORMAPS)}, or one with _r, reversed")
    if name in NODES:
        nodes = np.frombuffer(bytes.fromhex(NODES[name]), dtype=np.uint8).reshape(52, 3).astype(int)
        part = np.arange(5)[:, None]
        between = (nodes[:-1, None] * (5 - part) + nodes[1:, None] * part) // 5  # [51, 5, 3]
        table = np.concatenate([between.reshape(255, 3), nodes[-1:]])
    else:
        table = np.rint(255 * _closed_form(name, np.arange(256)[:, None]))
    table = np.ascontiguousarray(table[::-1] if name != colormap else table, dtype=np.uint8)
    table.flags.writeable = False
    return table


def _closed_form(name, level):
    """Colours of levels [256, 1] in [0, 1], [256, 3]: straight lines, as MATLAB's functions of the name draw them."""
    gray = level.repeat(3, axis=1) / 255
    if name == "gray":
        return gray
    if name == "jet":    # three trapezoids, a quarter of the range apart
        return (1.5 - np.abs((level + 1) / 64 - [3, 2, 1])).clip(0, 1)
    if name == "hsv":    # three trapezoids on a circle of 256
        return (2 - np.abs((level * 6 / 256 - [0, 2, 4] + 3) % 6 - 3)).clip(0, 1)
    hot = ((level + 1 - [0, 96, 192]) / [96, 96, 64]).clip(0, 1)   # red, then green, then blue rise
    return hot if name == "hot" else (7 * gray + hot[:, ::-1]) / 8
