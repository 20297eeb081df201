import type { SubscribeOptions } from '../client'
import { filterEvents } from '../events'
import { BOOTING, type EngineEvent, type EngineStatus } from '../protocol'

/** For tests of stores: a client that tells what the test says, and nothing by itself. */
export function fakeEvents() {
  const subscribers = new Set<{
    listener: (events: readonly EngineEvent[]) => void
    options: SubscribeOptions
  }>()
  const statusListeners = new Set<(status: EngineStatus) => void>()
  return {
    status: BOOTING,
    subscribe: (listener: (events: readonly EngineEvent[]) => void, options: SubscribeOptions = {}) => {
      const subscriber = { listener, options }
      subscribers.add(subscriber)
      const stop = (): void => void subscribers.delete(subscriber)
      options.signal?.addEventListener('abort', stop)
      return stop
    },
    onStatus: (listener: (status: EngineStatus) => void) => {
      statusListeners.add(listener)
      return () => statusListeners.delete(listener)
    },
    count: () => subscribers.size,
    open: () => {
      for (const { options } of subscribers) options.onOpen?.()
    },
    fail: (error: Error) => {
      for (const { options } of subscribers) options.onError?.(error)
    },
    hear: (events: readonly EngineEvent[]) => {
      for (const { listener, options } of subscribers) {
        const { runId, jobName, labels } = options
        const heard = filterEvents(
          { ...(runId && { runId }), ...(jobName && { jobName }), ...(labels && { labels }) },
          events,
        )
        if (heard.length > 0) listener(heard)
      }
    },
    tell: (status: EngineStatus) => {
      for (const listener of statusListeners) listener(status)
    },
  }
}

/** Until everything that was resolved has been heard. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
}
