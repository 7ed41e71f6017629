# Label arrays and what scikit-image says about them.
#
# requirements: numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
# writes: tests/fixtures/label_metrics.json
import json

import numpy as np
from skimage.measure import label
from skimage.metrics import adapted_rand_error, variation_of_information

random = np.random.default_rng(20)
cases = []
for name, size, truths, segments in [
    ("few large labels", (6, 7, 8), 4, 3),
    ("many small labels", (9, 10, 11), 300, 200),
    ("one label each", (3, 4, 5), 1, 1),
]:
    truth = random.integers(0, truths + 1, size)
    # Correlated with the truth, with splits, mergers and holes.
    segmentation = np.where(random.random(size) < 0.7, truth % (segments + 1), random.integers(0, segments + 1, size))
    counted = truth > 0
    both = counted & (segmentation > 0)
    # The order of arguments makes the first value of scikit-image H(segmentation | truth), the split.
    split, merge = variation_of_information(truth[counted], segmentation[counted])
    split_both, merge_both = variation_of_information(truth[both], segmentation[both])
    # scikit-image calls "precision" what is divided by the pairs of its first argument, the truth: our recall.
    error, recall, precision = adapted_rand_error(truth, segmentation, ignore_labels=(0,))
    cases.append({
        "name": name,
        "size": size,
        "truth": truth.ravel().tolist(),
        "segmentation": segmentation.ravel().tolist(),
        "all": {"voxels": int(counted.sum()), "split": split, "merge": merge},
        "both": {"voxels": int(both.sum()), "split": split_both, "merge": merge_both},
        "adaptedRandError": error,
        "randPrecision": precision,
        "randRecall": recall,
        "coverage": float((segmentation > 0).mean()),
        # Components by connectivity, renumbered in C order of first voxels.
        "components": {
            str(connectivity): label(truth, background=0, connectivity=axes).ravel().tolist()
            for axes, connectivity in [(1, 6), (2, 18), (3, 26)]
        },
    })
with open("tests/fixtures/label_metrics.json", "w") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
