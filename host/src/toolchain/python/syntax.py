"""Compiles all modules of a folder, keeps nothing, and prints the first that cannot be: see syntax.rs."""

import sys
import traceback
import warnings
from pathlib import Path

folder, language = Path(sys.argv[1]), int(sys.argv[2])
if sys.version_info < (3, language):
    sys.exit(0)
warnings.simplefilter("ignore")
for path in sorted(folder.rglob("*.py")):
    name = str(path.relative_to(folder))
    try:
        compile(path.read_bytes(), name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError):
            error.filename = error.filename or name
        else:  # A NUL in the source, in older versions.
            error = SyntaxError(str(error), (name, 1, 1, ""))
        print("".join(traceback.format_exception_only(error)), end="")
        if sys.version_info < (3, 14):
            print(
                f"(Python 3.{sys.version_info.minor} says so, which requires-python in pyproject.toml allows; the "
                "component's is 3.14. If the sources need a newer one, require it there.)"
            )
        sys.exit(3)
