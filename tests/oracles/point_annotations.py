# Points about pairs of objects, as Neuroglancer's own library writes precomputed annotations.
#
# requirements: neuroglancer==2.41.2 numpy==2.4.6
# writes: tests/fixtures/point_annotations/
import neuroglancer
from neuroglancer import write_annotations

space = neuroglancer.CoordinateSpace(names=["x", "y", "z"], scales=[8, 10, 40], units="nm")
writer = write_annotations.AnnotationWriter(
    coordinate_space=space,
    annotation_type="point",
    relationships=["objects"],
    properties=[neuroglancer.AnnotationPropertySpec(id="score", type="float32")],
)
# xyz in voxels, the middle of one; two objects; score.
for id, (point, objects, score) in enumerate([
    ((30.5, 20.5, 10.5), (5, 6), 0.75),
    ((7.5, 2.5, 90.5), (6, 2**53 + 1), 0.0),
    ((100.5, 0.5, 3.5), (7, 5), 1.0),
]):
    writer.add_point(point, id=id, objects=list(objects), score=score)
writer.write("tests/fixtures/point_annotations")
