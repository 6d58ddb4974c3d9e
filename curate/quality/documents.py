"""Documents for a classifier outside a run: tables of text, JSON Lines or Parquet, gzipped or not, here or remote.

Also what `documents/STEP/*.parquet` of a run holds. Knows ingest; knows no classifier.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import ingest
from curate.quality.training import Examples
from curate.records.documents import DOCUMENTS
from curate.storage import list_files
from curate.text.chance import draw

_PARQUET = (".parquet", ".pq")


def read_documents(patterns: Sequence[str], text: str = "text") -> Iterator[pa.RecordBatch]:
    """Batches of DOCUMENTS from the files patterns match, rows without text left out.

    Raises FileNotFoundError naming a pattern that matches nothing, and ValueError naming a Parquet file without the
    column `text`.
    """
    for file in list_files(patterns):
        format = "parquet" if file.path.endswith(_PARQUET) else "jsonl"
        for pages in ingest.read(file, "documents", format, ingest.Columns(text=text), Counter()):
            rows = pages.select(DOCUMENTS.names).filter(pc.is_valid(pages.column("text")))
            yield rows.cast(DOCUMENTS)


def read_examples(positives: Sequence[str], negatives: Sequence[str], text: str, sample: int, seed: int) -> Examples:
    """Examples of both classes, of each at most `sample`: those with the smallest draws. Raises as `read_documents`."""
    sides = []
    for patterns in (positives, negatives):
        held = pa.Table.from_batches([], DOCUMENTS)
        for batch in read_documents(patterns, text):
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            if len(held) > 2 * sample:
                held = _smallest(held, sample, seed)
        sides.append(_smallest(held, sample, seed))
    table = pa.concat_tables(sides).combine_chunks()
    ids, urls, texts = (table.column(name).combine_chunks() for name in DOCUMENTS.names)
    return Examples(ids, urls, texts, np.arange(len(table)) < len(sides[0]))


def _smallest(table: pa.Table, sample: int, seed: int) -> pa.Table:
    table = table.combine_chunks()
    ids = table.column("id").combine_chunks()
    order = np.argsort(draw(ids, seed, "quality/sample"), kind="stable")[:sample]
    return table.take(pa.array(order))
