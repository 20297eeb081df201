import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { DurablyProvider } from 'durably/react'
import { App } from './app'
import { durably } from './durably'
import { Boundary } from '../dashboard/parts/boundary'
import { ShowFailure } from '../dashboard/parts/show-failure'
import '../dashboard/styles/index.css'
import './page.css'

// A file dropped beside the form would otherwise replace the page.
for (const type of ['dragover', 'drop'] as const) {
  window.addEventListener(type, (event) => event.preventDefault())
}

const root = document.getElementById('root')
if (root === null) throw new Error('The page has no element with the id "root".')
createRoot(root).render(
  <StrictMode>
    <DurablyProvider durably={durably}>
      <Boundary fallback={<ShowFailure what="page" />}>
        <App />
      </Boundary>
    </DurablyProvider>
  </StrictMode>,
)
