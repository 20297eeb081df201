import { DurablyError } from '../errors'

/** The storage of this browser can't be used, and what the person can do about it. */
export function storageError(error: unknown): DurablyError {
  if (error instanceof DurablyError) return error
  // A `TypeError`: the functions themselves are missing.
  const isMissing = error instanceof TypeError
  const name = error instanceof DOMException ? error.name : isMissing ? 'NotSupportedError' : ''
  const [code, sentence] = SENTENCES[name] ?? [
    'storage',
    'The browser refused access to its storage. Reload the page; if that does not help, restart the browser.',
  ]
  const detail = error instanceof Error ? ` (${error.name}: ${error.message})` : ''
  return new DurablyError({ code, status: 503, message: sentence + detail })
}

const SENTENCES: Record<string, [code: string, sentence: string] | undefined> = {
  SecurityError: [
    'storage_unavailable',
    'This window has no storage that lasts, as in some private windows. Open the page in a normal window, over https or on localhost.',
  ],
  UnknownError: [
    'storage_unavailable',
    'This window has no storage that lasts, as in some private windows. Open the page in a normal window.',
  ],
  NotSupportedError: [
    'storage_unavailable',
    'This browser can’t keep a database file. Use a recent Chrome, Edge, Firefox or Safari.',
  ],
  NoModificationAllowedError: [
    'storage_locked',
    'Another tab or window still holds the database. Close it, then reload this page.',
  ],
  QuotaExceededError: [
    'storage_full',
    'There is no room left for the database. Free some space on this device, then reload the page.',
  ],
}

/** What `work` gives; what it throws says what the person can do. */
export async function explained<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw storageError(error)
  }
}
