"""Characters that turn the direction of writing (UAX 9): a name that holds one is shown as another name."""

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
