#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for the vault's stored formats, version 1, made without Lethe or libsodium.

The formats are written down here a second time, on nothing but Python's standard library, so that
a mistake in the C code cannot hide in answers made by the same code. Prints vault_v1.txt, which is
kept for ever: stores and tokens that exist must be read by every later version.

  tests/vectors/vault_v1.py | diff - tests/vectors/vault_v1.txt
"""
import hashlib
import struct
import zlib

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF


def rotl32(x, n):
    return (x << n | x >> (32 - n)) & M32


def chacha_rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        for i, j, k, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[i] = (x[i] + x[j]) & M32
            x[k] = rotl32(x[k] ^ x[i], n)

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return x


def chacha_state(key, tail):
    return struct.unpack("<16I", b"expand 32-byte k" + key + tail)


def chacha_block(key, counter, nonce12):
    state = chacha_state(key, struct.pack("<I", counter) + nonce12)
    return struct.pack("<16I", *((a + b) & M32 for a, b in zip(state, chacha_rounds(state))))


def hchacha(key, nonce16):
    x = chacha_rounds(chacha_state(key, nonce16))
    return struct.pack("<8I", *(x[:4] + x[12:]))


def poly1305(key, text):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(key[16:], "little")
    total = 0
    for i in range(0, len(text), 16):
        total = (total + int.from_bytes(text[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + s) & (2**128 - 1)).to_bytes(16, "little")


def pad16(text):
    return text + bytes(-len(text) % 16)


def xchacha_seal(key, nonce24, ad, clear):
    """draft-irtf-cfrg-xchacha-03"""
    subkey, nonce = hchacha(key, nonce24[:16]), bytes(4) + nonce24[16:]
    stream = b"".join(chacha_block(subkey, 1 + i, nonce) for i in range(len(clear) // 64 + 1))
    sealed = bytes(a ^ b for a, b in zip(clear, stream))
    lengths = struct.pack("<QQ", len(ad), len(sealed))
    tag = poly1305(chacha_block(subkey, 0, nonce)[:32], pad16(ad) + pad16(sealed) + lengths)
    return sealed + tag


def siphash24(key, text):
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotl(x, n):
        return (x << n | x >> (64 - n)) & M64

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & M64
            v[1] = rotl(v[1], 13) ^ v[0]
            v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[3]) & M64
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M64
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M64
            v[1] = rotl(v[1], 17) ^ v[2]
            v[2] = rotl(v[2], 32)

    padded = text + bytes(-(len(text) + 1) % 8) + bytes([len(text) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def derive(root, which):
    return hashlib.blake2b(key=root, digest_size=32, salt=struct.pack("<QQ", which, 0),
                           person=b"lethe-v1" + bytes(8)).digest()


def keyed_hash(key, text):
    return hashlib.blake2b(text, key=key, digest_size=32).digest()


def blind(key, personal, text, size=16):
    return hashlib.blake2b(text, key=key, digest_size=size,
                           person=personal.ljust(16, b"\0")).digest()


BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


def digits(number, alphabet, count):
    out = ""
    for _ in range(count):
        number, digit = divmod(number, len(alphabet))
        out = alphabet[digit] + out
    assert number == 0
    return out


def hidden_bits(locator, class_id, salt, row):
    mask = siphash24(locator, salt + struct.pack("<H", class_id)) & (2**48 - 1)
    return int.from_bytes(salt + (row ^ mask).to_bytes(6, "big"), "big")


def opaque(locator, class_id, salt, row):
    bits = hidden_bits(locator, class_id, salt, row)
    text = "lt_" + digits(class_id, BASE62, 3) + digits(bits >> 64, BASE62, 11) \
        + digits(bits & M64, BASE62, 11)
    return text + digits(zlib.crc32(text.encode()) % 62**4, BASE62, 4)


def email(locator, class_id, salt, row, domain):
    text = "lt-" + digits(class_id, BASE32, 4) \
        + digits(hidden_bits(locator, class_id, salt, row), BASE32, 26)
    return text + digits(zlib.crc32(text.encode()) % 32**4, BASE32, 4) + "@" + domain


def row_nonce(salt, class_id, row, revision):
    return salt + struct.pack("<QIH", revision or row, revision != 0, class_id)


def row_ad(domain, class_id, subject, row, revision, due_s, salt, created_s):
    return struct.pack("<BBHH16sQQq10sq", 1, ord("R"), domain, class_id, subject, row, revision,
                       due_s, salt, created_s)


def slot_ad(store, slot, kind, epoch, owner, subject):
    return struct.pack("<BB16sQBIQ16s", 1, ord("K"), store, slot, kind, epoch, owner, subject)


def slot_bytes(wrap_key, store, slot, kind, epoch, owner, subject, nonce, key):
    wrapped = xchacha_seal(wrap_key, nonce, slot_ad(store, slot, kind, epoch, owner, subject), key)
    return struct.pack("<BBHIQ16s24s48s24x", 1, kind, 0, epoch, owner, subject, nonce, wrapped)


def header_copy(check_key, epoch, sequence, store, rows, used, old_epoch):
    check = keyed_hash(check_key, b"lethe slab key" + struct.pack("<I", epoch) + store)[:16]
    body = b"LETHSLAB" + struct.pack("<IIQ16sQQI4x16s", 2, epoch, sequence, store, rows, used,
                                     old_epoch, check)
    return body + keyed_hash(check_key, body)


def ledger_record(key, previous, kind, seq, time_ms, slot, erasure, subject, cutoff_ms):
    body = struct.pack("<BB6xQqQ16s16sq24x", 1, kind, seq, time_ms, slot, erasure, subject,
                       cutoff_ms)
    return body + keyed_hash(key, previous + body)


# Ed25519, RFC 8032 section 5.1, on affine coordinates: slow and plain.
P25519 = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, -1, P25519) % P25519


def point_add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = CURVE_D * x1 * x2 * y1 * y2 % P25519
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, P25519) % P25519,
            (y1 * y2 + x1 * x2) * pow(1 - t, -1, P25519) % P25519)


def point_times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = point_add(total, point)
        point, n = point_add(point, point), n >> 1
    return total


def base_point():
    y = 4 * pow(5, -1, P25519) % P25519
    xx = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, P25519) % P25519
    x = pow(xx, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != xx:
        x = x * pow(2, (P25519 - 1) // 4, P25519) % P25519
    return (P25519 - x if x & 1 else x, y)


def point_bytes(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def ed25519(seed, text):
    """Public key and signature."""
    def number(*parts):
        return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")

    half = hashlib.sha512(seed).digest()
    secret = int.from_bytes(half[:32], "little") & (2**254 - 8) | 2**254
    public = point_bytes(point_times(secret, base_point()))
    r = number(half[32:], text) % ORDER
    commitment = point_bytes(point_times(r, base_point()))
    s = (r + number(commitment, public, text) * secret) % ORDER
    return public, commitment + s.to_bytes(32, "little")


def self_check():
    """Published answers of the primitives: a wrong primitive must not become a vector."""
    # draft-irtf-cfrg-xchacha-03, A.3.1
    clear = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
             b"future, sunscreen would be it.")
    sealed = xchacha_seal(bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58)),
                          bytes.fromhex("50515253c0c1c2c3c4c5c6c7"), clear)
    assert sealed[:8].hex() == "bd6d179d3e83d43b"
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"
    # The SipHash paper, appendix A
    assert siphash24(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5
    # RFC 8032, 7.1, test 2
    public, signature = ed25519(bytes.fromhex(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), b"\x72")
    assert public.hex()[:16] == "3d4017c3e843895a"
    assert signature.hex()[:16] == "92a009a9f0d4cab8"
    assert signature.hex().endswith("eeb00d291612bb0c00")


def main():
    self_check()
    root, key = bytes(range(32)), bytes(range(0x60, 0x80))
    locator32 = bytes(range(0xA0, 0xC0))
    locator = locator32[:16]
    store = bytes(range(0x10, 0x20))
    subject = bytes(range(0xC0, 0xD0))
    salt = bytes.fromhex("00112233445566778899")
    wrap, check = derive(root, 1), derive(root, 3)
    ledger = bytes(range(0x40, 0x60))

    def line(name, value):
        print(name, value if isinstance(value, str) else value.hex())

    print("# Known answers, stored formats of version 1; made by vault_v1.py, kept for ever.")
    line("derive_wrap", wrap)
    line("derive_check", check)

    print("# sealed rows: domain 1, class 258, row 0x010203040506, revision 7, due 1900000000, "
          "created 1800000000; sealed_first: revision 0")
    ad = row_ad(1, 258, subject, 0x010203040506, 7, 1900000000, salt, 1800000000)
    nonce = row_nonce(salt, 258, 0x010203040506, 7)
    line("sealed_string", xchacha_seal(key, nonce, ad, b"\1" + "ada@example.org".encode()))
    line("sealed_number", xchacha_seal(key, nonce, ad, b"\2" + b"42"))
    line("sealed_empty", xchacha_seal(key, nonce, ad, b"\1"))
    line("sealed_long", xchacha_seal(key, nonce, ad, b"\1" + b"x" * 200))
    first_ad = row_ad(1, 258, subject, 0x010203040506, 0, 1900000000, salt, 1800000000)
    first_nonce = row_nonce(salt, 258, 0x010203040506, 0)
    line("sealed_first", xchacha_seal(key, first_nonce, first_ad, b"\1" + "ada@example.org".encode()))

    print("# blind indexes: domain 1, class 258, string; domain 1")
    line("fingerprint", blind(key, b"lethe-v1 value", struct.pack("<HHB", 1, 258, 1) + b"ada"))
    line("name_mac", blind(key, b"lethe-v1 name", struct.pack("<H", 1) + b"ada"))
    line("keyed_hash", keyed_hash(key, b"abc"))
    line("short_hash", "%016x" % siphash24(locator, b"abc"))

    print("# typed tokens: key of class `card` made as `pan keep_last=4`; sequence of shape `16`; its "
          "index 3, room 1000")
    class_key = blind(locator32, b"lethe-v1 seqkey", b"card\0pan keep_last=4", 32)
    sequence = blind(class_key, b"lethe-v1 shape", b"16")
    line("class_key", class_key)
    line("sequence_id", sequence)
    line("sequence_mac", blind(class_key, b"lethe-v1 index", sequence + struct.pack("<IQ", 3, 1000)))

    print("# tokens: class 258, row 0x010203040506; class 65535, row 2^48-1, all-ones salt; zeroes")
    line("token_opaque", opaque(locator, 258, salt, 0x010203040506))
    line("token_email", email(locator, 258, salt, 0x010203040506, "tok.invalid"))
    line("token_opaque_high", opaque(locator, 65535, b"\xff" * 10, 2**48 - 1))
    line("token_email_high", email(locator, 65535, b"\xff" * 10, 2**48 - 1, "tok.invalid"))
    line("token_opaque_zero", opaque(locator, 0, bytes(10), 0))
    line("token_email_zero", email(locator, 0, bytes(10), 0, "tok.invalid"))

    print("# slot 5, kind 1, epoch 3, owner 1, wrapping `key`; header, sequence 9, rows 4097, used 6;")
    print("# the same slot under the epoch before (root of 0x20..0x3f), and a header that is leaving it")
    line("slot", slot_bytes(wrap, store, 5, 1, 3, 1, subject, bytes(range(24)), key))
    line("slab_header", header_copy(check, 3, 9, store, 4097, 6, 0))
    line("slot_old", slot_bytes(derive(bytes(range(0x20, 0x40)), 1), store, 5, 1, 2, 1, subject,
                                bytes(range(24)), key))
    line("slab_header_rotating", header_copy(check, 3, 9, store, 4097, 6, 2))

    print("# ledger, chain key 0x40..0x5f: opened, erased, closed, epoch 3 began")
    erasure = bytes(range(0xE0, 0xF0))
    first = ledger_record(ledger, bytes(32), 1, 1, 1700000000000, 0, store, bytes(16), 0)
    second = ledger_record(ledger, first[96:], 2, 2, 1700000001000, 5, erasure, subject,
                           1700000000999)
    third = ledger_record(ledger, second[96:], 3, 3, 1700000002000, 5, erasure, subject,
                          1700000000999)
    fourth = ledger_record(ledger, third[96:], 5, 4, 1700000003000, 3, bytes(16), bytes(16), 0)
    line("ledger", first + second + third + fourth)

    print("# signature: seed 0x60..0x7f, message \"lethe-v1 receipt\" | 0 | \"abc\"")
    public, signature = ed25519(key, b"lethe-v1 receipt\0abc")
    line("sign_public", public)
    line("signature", signature)


if __name__ == "__main__":
    main()
