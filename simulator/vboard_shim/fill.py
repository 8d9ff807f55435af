# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Makes a flash image with a folder's files on it: micropython fill.py IMAGE BLOCKS FOLDER. What is there stays."""

import os
import sys

import vfs
from flash_image import mounted

FOLDER = 0x4000


def copy(source, target):
    """Copy a folder of the host with all below it to target on the image."""
    for entry in os.ilistdir(source):
        name = entry[0]
        there, here = source + "/" + name, target + "/" + name
        if entry[1] & FOLDER:
            try:
                os.mkdir(here)
            except OSError:
                pass  # it is there
            copy(there, here)
        else:
            with open(there, "rb") as file, open(here, "wb") as made:
                data = file.read(4096)
                while data:
                    made.write(data)
                    data = file.read(4096)


def main(path, count, folder):
    """Fill the image at path."""
    mounted(path, count, "/image")
    copy(folder, "/image")
    vfs.umount("/image")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
