/** Why something could not be done. The engine's own sentences name the fields at fault. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
