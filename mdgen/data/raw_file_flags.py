"""The flags that describe radars' raw files, which do not tell their own layout."""

from mdgen.errors import RequestError
from mdgen.radar.capture_card import LAYOUTS as CARD_LAYOUTS
from mdgen.radar.recording_axes import LAYOUTS as AXES_LAYOUTS

OF_KIND = {"dca1000": ("adc_samples", "receivers", "chirps", "real_adc"),
           "iq-int16": ("header_bytes",), "iq-float32": ("header_bytes",)}
RAW_FILES = tuple(dict.fromkeys(name for names in OF_KIND.values() for name in names))
NEEDED = {"dca1000": ("layout", "adc_samples", "receivers", "chirps")}


def add_raw_files(p):
    p.add_argument("--adc-samples", type=int, metavar="N", help="dca1000: samples of a chirp and receiver")
    p.add_argument("--receivers", type=int, metavar="N", help="dca1000: receivers that were on")
    p.add_argument("--chirps", type=int, metavar="N", help="dca1000: chirps of a frame, of all --transmitters together")
    p.add_argument("--real-adc", action="store_true", default=None, help="dca1000: real samples (default: complex)")
    p.add_argument("--header-bytes", type=int, metavar="N", help="iq-int16, iq-float32: bytes before the samples "
                   "(default: 0)")


def file_options(args):
    """Keyword arguments of the reader of args.kind (`KINDS`); RequestError for flags that are not of that kind."""
    for kind, names in OF_KIND.items():
        for name in names:
            if getattr(args, name) is not None and name not in OF_KIND.get(args.kind, ()):
                raise RequestError(f"{flag(name)} is for --kind {kind}, but the kind is {args.kind}; leave it out, or "
                                   f"give --kind {kind}")
    missing = [flag(name) for name in NEEDED.get(args.kind, ()) if getattr(args, name) is None]
    if missing:
        raise RequestError(f"{', '.join(missing)} missing; --kind {args.kind} needs what the radar was set to. Give it "
                           "as --help shows")
    layouts = CARD_LAYOUTS if args.kind == "dca1000" else AXES_LAYOUTS
    if args.layout is not None and args.layout not in layouts:
        raise RequestError(f"--layout is {args.layout}, but --kind {args.kind} has {', '.join(layouts)}; correct "
                           "--layout or --kind")
    options = {name: getattr(args, name) for name in OF_KIND.get(args.kind, ()) if getattr(args, name) is not None}
    for name, value in options.items():
        least = 0 if name == "header_bytes" else 1
        if value < least:
            raise RequestError(f"{flag(name)} is {value}; expected {least} or more")
    if args.kind == "dca1000":
        options["layout"] = args.layout
        if args.transmitters and args.chirps % args.transmitters:
            raise RequestError(f"--chirps is {args.chirps}, no multiple of --transmitters {args.transmitters}; "
                               "expected the chirps of a frame of all transmitters together, loops times transmitters")
    return options


def flag(name):
    return "--" + name.replace("_", "-")
