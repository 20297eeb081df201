import { lazy, Suspense, useSyncExternalStore, type ComponentType, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'

// Every example on a page of its own: `#name`.

const EXAMPLES = Object.fromEntries(
  Object.entries(import.meta.glob<Record<string, ComponentType>>('./examples/*.tsx')).map(([path, load]) => [
    path.replace(/.*\/(.*)\.tsx/, '$1'),
    lazy(async () => ({ default: Object.values(await load())[0] ?? NoExample })),
  ]),
)

function NoExample(): ReactNode {
  return <p>There is nothing here.</p>
}

function Page(): ReactNode {
  const name = useSyncExternalStore(
    (listener) => {
      window.addEventListener('hashchange', listener)
      return () => window.removeEventListener('hashchange', listener)
    },
    () => location.hash.slice(1).split('?')[0] ?? '',
  )
  const Example = EXAMPLES[name]
  return (
    <>
      <nav>
        {Object.keys(EXAMPLES).map((each) => (
          <a key={each} href={`#${each}`}>
            {each}{' '}
          </a>
        ))}
      </nav>
      <main>{Example !== undefined && <Example key={location.hash} />}</main>
    </>
  )
}

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element with the id "root".')
createRoot(root).render(
  <Suspense>
    <Page />
  </Suspense>,
)
