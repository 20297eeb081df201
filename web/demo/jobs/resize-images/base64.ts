/** Divisible by three, so that only the last piece is padded, and few enough for the arguments of one call. */
const PIECE = 24_576

export function toBase64(bytes: Uint8Array | Uint8ClampedArray): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += PIECE) {
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE))))
  }
  return pieces.join('')
}

/** Throws when it is none. */
export function fromBase64(text: string): Uint8ClampedArray<ArrayBuffer> {
  const letters = atob(text)
  const bytes = new Uint8ClampedArray(letters.length)
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at)
  return bytes
}
