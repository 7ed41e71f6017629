"""Reads the event files of a training run with TensorBoard's own loader and prints what it finds as JSON.

Usage: tensorboard_reads.py FOLDER. Run by tensorboard_reads.ts.
"""

import io
import json
import sys

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

events = event_accumulator.EventAccumulator(
    sys.argv[1],
    # 0 keeps everything; by default a few images and a sample of the scalars stay.
    size_guidance={kind: 0 for kind in ("scalars", "images", "histograms", "compressedHistograms")},
)
events.Reload()
tags = events.Tags()

scalars = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]}
images = {}
for tag in tags["images"]:
    last = events.Images(tag)[-1]
    pixels = np.asarray(Image.open(io.BytesIO(last.encoded_image_string)))
    images[tag] = {
        "step": last.step,
        "declared": [last.height, last.width],
        "shape": list(pixels.shape),
        "dtype": str(pixels.dtype),
        "levels": len(np.unique(pixels)),
    }
histograms = {}
for tag in tags["histograms"]:
    last = events.Histograms(tag)[-1]
    value = last.histogram_value
    histograms[tag] = {
        "step": last.step,
        "num": value.num,
        "min": value.min,
        "max": value.max,
        "sum": value.sum,
        "buckets": sum(value.bucket),
        "limits": len(value.bucket_limit),
    }
print(json.dumps({"scalars": scalars, "images": images, "histograms": histograms}))
