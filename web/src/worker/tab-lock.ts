/**
 * The lock that makes this worker the only one with the database. It is taken inside the worker and
 * held for life, so that lock and file handles die together; holding it proves that every earlier
 * owner is dead. It is never stolen: a frozen tab keeps its handles.
 */
export async function takeTabLock(database: string, standsAside: () => boolean): Promise<void> {
  for (;;) {
    const release = await hold(lockOf(database))
    if (!standsAside()) return
    // Nothing was opened under it. Whom it is meant for waits in the queue already.
    release()
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** How many workers have it or wait for it: those of tabs that are suspended, too. */
export async function countTabs(database: string): Promise<number> {
  const { held = [], pending = [] } = await navigator.locks.query()
  return [...held, ...pending].filter(({ name }) => name === lockOf(database)).length
}

function lockOf(database: string): string {
  return `durably:${database}`
}

/** Where the lock was left to a worker that has gone meanwhile. */
const AGAIN_MS = 50

/** A lock by which the page notices that this worker has died. */
export async function holdAliveLock(name: string): Promise<void> {
  await hold(name)
}

/** Settles when it is held, with the way to release it. */
function hold(name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(name, () => new Promise<void>((release) => resolve(release)))
    request.catch(reject)
  })
}
