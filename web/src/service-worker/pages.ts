import { call } from '../offline/call'
import type { Asked, ToPage } from '../offline/messages'
import { SCOPE } from './scope'

declare const self: ServiceWorkerGlobalScope

/** How long a page may take to answer, which may be loading: its script asks for messages when it runs. */
const ASK_MS = 10_000

/** How long engines may take to stop. They are ended by the reload then, as by a crash. */
const STOP_MS = 6000

/** The open pages of the site, also those that another version's service worker has. */
export async function openPages(): Promise<readonly WindowClient[]> {
  const all = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  return all.filter(({ url }) => url.startsWith(SCOPE))
}

export async function tellPages(message: ToPage): Promise<void> {
  for (const page of await openPages()) page.postMessage(message)
}

/** Whether there is a page that asks the person for consent, and else those that would, but for no one to tell. */
export async function ask(): Promise<{ isAsked: boolean; silent: readonly WindowClient[] }> {
  const silent: WindowClient[] = []
  const asked = (await openPages()).map(async (page) => {
    const answer = await call<Asked>(page, { type: 'ask' } satisfies ToPage, ASK_MS)
    if (answer?.asks === false) silent.push(page)
    return answer?.asks === true
  })
  return { isAsked: await isAny(asked), silent }
}

/** Stops the engines of pages: what executes there is given back. Returns the pages that heard of it. */
export async function stopPages(pages: readonly WindowClient[]): Promise<readonly string[]> {
  const stopped = pages.map(async (page) =>
    (await call<unknown>(page, { type: 'stop' } satisfies ToPage, STOP_MS)) === null ? [] : [page.id],
  )
  return (await Promise.all(stopped)).flat()
}

/** Loads pages anew that do not do so by themselves. Not waited for: they are answered once this version is active. */
export async function reloadPages(except: ReadonlySet<string>): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window' })
  for (const page of pages) if (!except.has(page.id)) reload(page)
}

const reloaded = new Set<string>()

/** Once: a page that asks for many files would never get there. It may be closed or gone elsewhere meanwhile. */
export function reload(page: WindowClient): void {
  if (reloaded.has(page.id)) return
  reloaded.add(page.id)
  page.navigate(page.url).catch(() => undefined)
}

/** Without waiting for the others once one is true. */
function isAny(facts: readonly Promise<boolean>[]): Promise<boolean> {
  return Promise.any(
    facts.map(async (fact) => {
      if (!(await fact)) throw new Error('not this one')
    }),
  ).then(
    () => true,
    () => false,
  )
}
