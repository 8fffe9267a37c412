"""10,000 mutated files of calibrations: each is a ValueError or a clean read, within a tenth of a
second; `make bench` runs it, and a few hundred are in the tests.
"""

import json
import logging
from pathlib import Path
from time import process_time

from mutations import ORIGINALS, loaded, mutations

FILES = 10_000


def test_mutated_files_are_read_or_refused_at_once(tmp_path, figure):
    logging.disable(logging.CRITICAL)
    path, read, slowest = tmp_path / "calibration.json", 0, 0.0
    try:
        for original in ORIGINALS:
            document = json.loads(Path(original).read_text(encoding="utf-8"))
            for text in mutations(document, seed=1, number=FILES // len(ORIGINALS)):
                path.write_text(text, encoding="utf-8")
                began = process_time()
                read += loaded(path) is not None
                slowest = max(slowest, process_time() - began)
    finally:
        logging.disable(logging.NOTSET)
    figure("mutated calibrations that are read", read, f"of {FILES:,}", at_least=1)
    figure("the slowest of them", slowest, "s", at_most=0.1)
