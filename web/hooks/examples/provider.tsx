import { DurablyProvider, useEngineStatus } from 'durably/react'

// A promise, when the client's code is loaded late, or the address of the server has to be asked for.
const durably = import('../durably').then((module) => module.durably)

export function App() {
  return (
    <DurablyProvider durably={durably} fallback={<p>One moment…</p>}>
      <Role />
    </DurablyProvider>
  )
}

function Role() {
  const { role } = useEngineStatus()
  return <p>Engine: {role}</p>
}
