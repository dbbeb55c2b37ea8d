"""``python -m seamless_unet`` is the command line."""

import sys

from seamless_unet.cli import main

sys.exit(main())
