"""Files by address: local paths, web servers, object stores, the Hub, and what else fsspec knows.

Knows bytes, names, checksums and atomic commits; knows nothing of what the bytes mean.
"""

from curate.storage.buckets import is_bucket
from curate.storage.listing import (
    SourceFile,
    file_system,
    is_web,
    join,
    list_files,
    list_named,
    open_binary,
    read_list,
    read_range,
)
from curate.storage.local import (
    atomic_path,
    copy_file,
    digest_file,
    private_folder,
    sync_folder,
    write_atomically,
)
from curate.storage.places import (
    Address,
    OutputError,
    bucket_folder,
    common_root,
    is_remote,
    is_safe_name,
    locate,
    output_path,
    resolve,
    shown,
)

__all__ = [
    "Address",
    "OutputError",
    "SourceFile",
    "atomic_path",
    "bucket_folder",
    "common_root",
    "copy_file",
    "digest_file",
    "file_system",
    "is_bucket",
    "is_remote",
    "is_safe_name",
    "is_web",
    "join",
    "list_files",
    "list_named",
    "locate",
    "open_binary",
    "output_path",
    "private_folder",
    "read_list",
    "read_range",
    "resolve",
    "shown",
    "sync_folder",
    "write_atomically",
]
