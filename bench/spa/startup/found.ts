/** Milliseconds since the navigation, by what had been reached then. */
export type Found = Record<string, number>

declare global {
  var found: Found
  var isComplete: boolean
}

globalThis.found = {}
globalThis.isComplete = false

export function reached(what: string): void {
  globalThis.found[what] = performance.now()
}

export function complete(): void {
  globalThis.isComplete = true
}
