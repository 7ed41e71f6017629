# requirements: cramjam==2.11.0
# writes: tests/fixtures/snappy/mixed.snappy
"""One raw Snappy block whose content a test can compute: short and long literals, near, far and overlapping copies."""

import cramjam

state = 12345
noise = bytearray()
for _ in range(3_000):
    state = (state * 1103515245 + 12345) % 2**31
    noise.append(state >> 16 & 0xFF)
content = b"checkpoint " * 40 + bytes(1000) + bytes(noise) + bytes(noise[:1000]) + b"seed_update/conv0_a"
with open("tests/fixtures/snappy/mixed.snappy", "wb") as file:
    file.write(bytes(cramjam.snappy.compress_raw(content)))
