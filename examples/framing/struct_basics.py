"""struct: numbers and texts as bytes of a fixed length, the raw material of binary protocols."""

import struct

# A format is a byte order and a letter for each field. "!" is that of the network, without gaps.
measurement = struct.Struct("!H4sd")
packed = measurement.pack(7, b"gaugeX", 21.5)
print(f"{measurement.size} bytes: {packed.hex()}")

number, name, value = measurement.unpack(packed)
print("back again:", number, name, value)
print("the text was cut to its four bytes:", name != b"gaugeX")

# Without a byte order there are gaps, as the machine's own C compiler makes them.
print("H, then d:", struct.calcsize("!Hd"), "bytes; in C:", struct.calcsize("@Hd"), "bytes")

# Sizes and signs.
for letter in "bBhHiIqQ":
    size = struct.calcsize("!" + letter)
    signed = letter.islower()
    highest = 2 ** (8 * size - signed) - 1
    print(f"{letter}: {size} byte(s), up to {highest}: {struct.pack('!' + letter, highest).hex()}")

try:
    struct.pack("!B", 256)
except struct.error as error:
    print("too big:", type(error).__name__)

# A float has only four bytes for its digits, a double eight.
print("0.1 as f:", struct.unpack("!f", struct.pack("!f", 0.1))[0])
print("0.1 as d:", struct.unpack("!d", struct.pack("!d", 0.1))[0])

# Several records in one buffer, written and read in place.
point = struct.Struct("!hh")
buffer = bytearray(2 * point.size)
point.pack_into(buffer, 0, 3, -4)
point.pack_into(buffer, point.size, 5, 12)
print("buffer:", buffer.hex())
print("second:", point.unpack_from(buffer, point.size), "all:", list(point.iter_unpack(buffer)))
