/**
 * The lock that makes this worker the only one with the database. It is taken inside the worker and
 * held for life, so that lock and file handles die together; holding it proves that every earlier
 * owner is dead. It is never stolen: a frozen tab keeps its handles.
 */
export async function takeTabLock(database: string): Promise<void> {
  await hold(`durably:${database}`)
}

/** A lock by which the page notices that this worker has died. */
export async function holdAliveLock(name: string): Promise<void> {
  await hold(name)
}

function hold(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(name, () => {
      resolve()
      return new Promise<never>(() => undefined)
    })
    request.catch(reject)
  })
}
