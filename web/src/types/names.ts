/** What a generated file uses itself. */
const RESERVED = ['Jobs', 'Record']

/** Names of types by the keys of `$defs`, as they stand in references. */
export type Names = ReadonlyMap<string, string>

/** A name for each key of `$defs`, in their order: `Page_Item_` becomes `PageItem`. */
export function typeNames(keys: Iterable<string>): Names {
  const names = new Map<string, string>()
  const taken = new Set(RESERVED)
  for (const key of keys) {
    const name = firstFree(pascalCase(key), taken)
    names.set(key, name)
    taken.add(name)
  }
  return names
}

/** The key of `$defs` that a reference leads to. */
export function keyOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

function firstFree(name: string, taken: Set<string>): string {
  let free = name
  for (let number = 2; taken.has(free); number++) free = `${name}${number}`
  return free
}

// The converter would change any other name: it has capitals after digits, and none of these begins with one.
function pascalCase(key: string): string {
  const words = key.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  const name = words.join('').replace(/\d[a-z]/g, (pair) => pair.toUpperCase())
  return /^[A-Z]/.test(name) ? name : `Model${name}`
}
