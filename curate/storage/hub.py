"""Data sets of Hugging Face's Hub, `hf://datasets/OWNER/NAME[@REVISION]/PATH`: listed by its own library, read as any file
of a web server, at the commit that was listed."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from curate.errors import ConfigError, StorageError
from curate.storage.http import hub_endpoint
from curate.storage.patience import Fault, persist

_SCHEME = "hf://"


def is_hub(address: str) -> bool:
    """Whether an address is the Hub's."""
    return address.startswith(_SCHEME)


def list_hub(address: str) -> tuple[str, list[tuple[str, str, int, str]]]:
    """(where the data set begins, (name in it, web address, size, hash) of each of its files), of an address or pattern.

    Raises ConfigError for an address of another form, FileNotFoundError, PermissionError, StorageError.
    """
    pieces = address.removeprefix(_SCHEME).split("/", 3)
    if len(pieces) < 4 or pieces[0] != "datasets":
        raise ConfigError(f"{address}: write hf://datasets/OWNER/NAME/PATH, or OWNER/NAME@REVISION")
    name, _, revision = pieces[2].partition("@")
    owner = f"{pieces[1]}/{name}"

    def ask() -> Any:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

        api = HfApi(endpoint=hub_endpoint(), user_agent={"curate": "1"})
        try:
            info = api.dataset_info(owner, revision=revision or None, files_metadata=True)
        except (RepositoryNotFoundError, RevisionNotFoundError):
            raise FileNotFoundError(f"the Hub has no data set {owner}{revision and f' at {revision}'}") from None
        except HfHubHTTPError as error:
            status = getattr(error.response, "status_code", 0)
            if status in (401, 403):
                raise PermissionError(f"{address} may not be read: `hf auth login` with an account that may") from None
            if status == 429 or status >= 500:
                raise Fault(f"status {status}") from None
            raise StorageError(f"{address} cannot be listed: status {status}") from None
        except (OSError, RuntimeError) as error:
            raise Fault(type(error).__name__) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("httpx", "httpcore", "httpx2", "httpcore2", "requests"):
                raise Fault(type(error).__name__) from None
            raise
        return info

    info = persist(address, hub_endpoint(), ask)
    root = f"{hub_endpoint()}/datasets/{owner}/resolve/{info.sha}"
    found = []
    for each in info.siblings:
        content = each.lfs["sha256"] if each.lfs else each.blob_id
        found.append((each.rfilename, f"{root}/{quote(each.rfilename)}", int(each.size or 0), str(content)))
    return f"{_SCHEME}datasets/{os.path.join(*pieces[1:3])}", sorted(found)
