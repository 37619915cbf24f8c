"""Makes the two faces of this folder from Source Sans 3 (variable): see README.md."""

import sys

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

FAMILY = "Replicate Sans"
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F),  # Latin-1 and Latin Extended-A, for authors' names
    (0x2B0, 0x2DD), (0x370, 0x3FF),  # modifier letters and accents, Greek
    (0x2002, 0x200A), (0x2010, 0x2027), (0x2030, 0x205E),  # spaces, dashes, quotation marks, primes
    (0x2070, 0x209C), (0x2100, 0x214F),  # superscripts and subscripts, letter-like signs
    (0x2150, 0x215F), (0x2190, 0x21FF), (0x2200, 0x22FF),  # fractions, arrows, mathematics
    (0x25A0, 0x25FF), (0x2713, 0x2717),  # shapes, check marks
]

source, folder = sys.argv[1], sys.argv[2]
for style, weight in (("Regular", 400), ("Bold", 600)):
    font = TTFont(source, recalcTimestamp=False)
    font = instantiateVariableFont(font, {"wght": weight})
    options = Options()
    # Only kerning: in Latin text the face would otherwise turn the Greek gamma into the phonetic one.
    options.layout_features = ["kern"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.hinting = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[u for low, high in RANGES for u in range(low, high + 1)])
    subsetter.subset(font)
    # The licence reserves the name "Source": a modified version has to carry another one.
    names = font["name"]
    version = names.getDebugName(5)
    for number, text in (
        (1, FAMILY), (2, style), (3, f"{FAMILY} {style}; {version}"),
        (4, f"{FAMILY} {style}"), (6, f"{FAMILY.replace(' ', '')}-{style}"),
    ):
        names.setName(text, number, 3, 1, 0x409)
    bold = style == "Bold"
    # Weight 600 looks better in figures than 700, and is declared 700 so that "bold" finds it.
    font["OS/2"].usWeightClass = 700 if bold else 400
    font["OS/2"].fsSelection = (font["OS/2"].fsSelection & ~0x61) | (0x20 if bold else 0x40)
    font["head"].macStyle = 1 if bold else 0
    # plotters takes a font's size for ascent minus descent and divides it by 1.24 to get the em of the SVG text:
    # with these two lines of metrics its text widths are true.
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = 984, -256, 0
    font["OS/2"].fsSelection &= ~0x80
    for table in ("STAT", "DSIG", "meta"):
        if table in font:
            del font[table]
    font.save(f"{folder}/ReplicateSans-{style}.ttf")
