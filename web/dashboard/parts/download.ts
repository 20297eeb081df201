/** Hands a file to the browser, which keeps it where it keeps downloads. */
export function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // Not at once: the browser may still be about to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** `datedName('durably')` is "durably-2026-11-26". */
export function datedName(name: string, date = new Date()): string {
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
  return `${name}-${day.map((number) => String(number).padStart(2, '0')).join('-')}`
}
