# Seeds as SciPy, scikit-image and NumPy find them on small random images, by the definitions of the published policies.
#
# requirements: numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
# writes: tests/fixtures/seed_policies.json
import base64
import json
import warnings

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import binary_erosion, disk

warnings.simplefilter("ignore")
random = np.random.default_rng(7)
cases = []


def smooth_image(size, sigma=1.2):
    """uint8 blobs: noise, smoothed, stretched to the whole range."""
    field = ndimage.gaussian_filter(random.random(size), sigma)
    field = (field - field.min()) / max(np.ptp(field), 1e-9)
    return (255 * field).astype(np.uint8)


def noise_like(values):
    return np.random.RandomState(42).random_sample(values.shape) * 1e-4


def edges(image):
    gradient = ndimage.generic_gradient_magnitude(image, ndimage.sobel)
    smoothed = np.zeros(gradient.shape, np.float32)
    ndimage.gaussian_filter(gradient, 49.0 / 6.0, output=smoothed, mode="reflect")
    return gradient > smoothed


def ascending(coords):
    return sorted(map(list, coords.tolist()))


def peaks(image, mask=None, seed_mask=None, segmentation=None, exclude_masked=False, voxel_size=None):
    edge = edges(image)
    excluded = np.zeros(image.shape, bool)
    if segmentation is not None:
        excluded |= segmentation > 0
    if mask is not None:
        edge |= mask
        excluded |= mask
    if seed_mask is not None:
        excluded |= seed_mask
        if exclude_masked:
            edge |= seed_mask
    distance = ndimage.distance_transform_edt(~edge, sampling=voxel_size).astype(np.float32)
    if exclude_masked:
        distance[excluded] = -1
    return ascending(peak_local_max(
        distance + noise_like(distance), min_distance=3, threshold_abs=0, threshold_rel=0))


def peaks_2d(image, mask, min_distance, threshold_abs, descending=False):
    found = []
    for z, plane in enumerate(image):
        edge = edges(plane)
        if mask is not None:
            edge |= mask[z]
        distance = ndimage.distance_transform_edt(~edge).astype(np.float32)
        found += [[z, y, x] for y, x in peak_local_max(
            distance + noise_like(distance),
            min_distance=min_distance, threshold_abs=threshold_abs, threshold_rel=0).tolist()]
    return sorted(found, reverse=descending)


def fill_empty_space(segmentation):
    distance = ndimage.distance_transform_edt(segmentation == 0).astype(np.float32)
    return ascending(peak_local_max(
        distance + noise_like(distance), min_distance=2, threshold_abs=0.5, threshold_rel=0))


def max_peaks(image, excluded, **options):
    image = np.where(excluded, np.float32(0), image)
    return ascending(peak_local_max(image + noise_like(image), **options))


def image_peaks_3d_2d(image, distance_3d, distance_2d):
    found = peak_local_max(image, min_distance=distance_3d).tolist() if distance_3d >= 0 else []
    for z, plane in enumerate(image if distance_2d >= 0 else []):
        found += [[z, y, x] for y, x in peak_local_max(plane, min_distance=distance_2d).tolist()]
    return found


def image_peaks_2d_disk(image, min_distance, threshold_rel, radius):
    return [[z, y, x] for z, plane in enumerate(image) for y, x in peak_local_max(
        plane, min_distance=min_distance, p_norm=2, threshold_rel=threshold_rel,
        exclude_border=True, footprint=disk(radius)).tolist()]


def dense(image, threshold, erosions, invert):
    chosen = image > threshold
    if invert:
        chosen = ~chosen
    for _ in range(erosions):
        chosen = binary_erosion(chosen)
    return np.argwhere(chosen).tolist()


arrays = []


def reference(array):
    """Index of an array in the fixture: uint8 for all but labels, which are int8."""
    if array is None:
        return None
    text = base64.b64encode(array.astype("i1" if array.dtype.kind == "i" else "u1").tobytes()).decode()
    if text not in arrays:
        arrays.append(text)
    return arrays.index(text)


def add(policy, args, raw, coords, mask=None, seed_mask=None, segmentation=None, voxel_size=None):
    cases.append({
        "policy": policy, "args": args, "size": raw.shape, "raw": reference(raw),
        "mask": reference(mask), "seedMask": reference(seed_mask),
        "segmentation": reference(segmentation), "voxelSizeNm": voxel_size,
        # [n, 3] zyx, one byte each.
        "coords": base64.b64encode(np.array(coords, "u1").tobytes()).decode(),
    })


def normalise(raw):
    return (raw.astype(np.float32) - np.float32(128)) / np.float32(33)


for size in [(22, 25, 27), (9, 41, 18), (15, 13, 60)]:
    raw = smooth_image(size)
    image = normalise(raw)
    mask = smooth_image(size, 4) > 170
    seed_mask = smooth_image(size, 2) > 150
    labels = np.where(smooth_image(size, 1.5) > 150, np.int32(3), np.int32(0))
    labels[::4, ::5, ::7] = -1
    sampling = (30, 8, 8)
    add("PolicyPeaks", {}, raw, peaks(image))
    add("PolicyPeaks", {}, raw, peaks(image, mask, seed_mask), mask, seed_mask, labels)
    add("PolicyPeaks", {"exclude_masked": True}, raw,
        peaks(image, mask, seed_mask, labels, True), mask, seed_mask, labels)
    add("PolicyPeaks", {"anisotropic": True}, raw, peaks(image, voxel_size=sampling), voxel_size=sampling)
    add("PolicyPeaks2d", {}, raw, peaks_2d(image, None, 7, 2.5))
    add("PolicyPeaks2d", {"compat": True, "sort_cmp": " Descending"}, raw,
        peaks_2d(image, mask, 3, 0, True), mask)
    add("PolicyPeaks2d", {"min_distance": 1, "threshold_abs": 1.5}, raw, peaks_2d(image, mask, 1, 1.5), mask)
    add("PolicyFillEmptySpace", {}, raw, fill_empty_space(labels), segmentation=labels)
    excluded = mask | seed_mask | (labels > 0)
    for options in [
        {},
        {"min_distance": 1},
        {"min_distance": 1, "threshold_abs": 0.5},
        {"min_distance": 2, "threshold_rel": 0.3},
    ]:
        add("PolicyMaxPeaks", options, raw,
            max_peaks(image, excluded, **{"min_distance": 3, "threshold_abs": 0, "threshold_rel": 0, **options}),
            mask, seed_mask, labels)
    # Fewer grey values, so that neighbouring peaks tie.
    coarse = raw // 32 * 32
    bright = raw // 64 * 16 + 190
    for raw_values in [raw, coarse, bright]:
        values = normalise(raw_values)
        add("PolicyImagePeaks3D2D", {}, raw_values, image_peaks_3d_2d(values, 4, 2))
        add("PolicyImagePeaks3D2D", {"min_distance_3d": 1, "min_distance_2d": -1}, raw_values,
            image_peaks_3d_2d(values, 1, -1))
        add("PolicyImagePeaks2DDisk", {}, raw_values, image_peaks_2d_disk(values, 3, 0.5, 1))
        add("PolicyImagePeaks2DDisk", {"min_distance_2d": 2, "threshold_rel": 0.25, "disk_radius": 3}, raw_values,
            image_peaks_2d_disk(values, 2, 0.25, 3))
    add("PolicyDenseSeeds", {"threshold": 2.5}, raw, dense(image, 2.5, 0, False))
    add("PolicyDenseSeeds", {"threshold": 0.9, "num_erosions": 1}, raw, dense(image, 0.9, 1, False))
    # Values that the image holds, one of them not exact in float32.
    for threshold in [2.0, 80 / 33]:
        add("PolicyDenseSeeds", {"threshold": threshold}, raw, dense(image, threshold, 0, False))
    add("PolicyDenseSeeds", {"threshold": -0.5, "num_erosions": 2, "invert": True}, raw, dense(image, -0.5, 2, True))
flat = np.full((10, 12, 14), 77, np.uint8)
flat[3] = smooth_image((12, 14))
add("PolicyPeaks2d", {"compat": True}, flat, peaks_2d(normalise(flat), None, 3, 0))
add("PolicyImagePeaks3D2D", {"min_distance_2d": 1}, flat, image_peaks_3d_2d(normalise(flat), 4, 1))

with open("tests/fixtures/seed_policies.json", "w") as file:
    json.dump({"arrays": arrays, "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
