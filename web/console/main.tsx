import { createDurably, type Durably } from 'durably'
import { DurablyProvider } from 'durably/react'
import { StrictMode, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { loadConfig, type Config } from './config'
import './console.css'
import { DevPanel } from './dev/dev-panel'
import { sentenceOf } from './sentence-of'

declare global {
  interface Window {
    /** The client of this page, for the browser's console. */
    durably?: Durably
  }
}

const element = document.getElementById('root')
if (element === null) throw new Error('The page has no element with the id "root".')
const root = createRoot(element)

try {
  root.render(<StrictMode>{pageOf(await loadConfig())}</StrictMode>)
} catch (error) {
  root.render(<p role="alert">{sentenceOf(error)}</p>)
}

function pageOf({ api, dev }: Config): ReactNode {
  const panel = dev !== undefined && <DevPanel dev={dev} />
  // There is no Python to start yet: the page is reloaded when there is.
  if (dev?.build === null) return panel
  const durably = createDurably(api === undefined ? { spa: {} } : { api })
  window.durably = durably
  return (
    <>
      {panel}
      <DurablyProvider durably={durably}>
        <App />
      </DurablyProvider>
    </>
  )
}
