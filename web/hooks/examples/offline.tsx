import { createOffline } from 'durably/offline'
import { useOffline } from 'durably/react'
import { durably } from '../durably'

const offline = createOffline({ durably }) // once, beside the client

export function OfflineNotice() {
  const { state, percent, update, error, canInstall } = useOffline(offline)
  return (
    <section>
      <p role="status">{state === 'ready' ? 'Works offline' : state}</p>
      {percent !== null && <progress value={percent} max={100} />}
      {error !== null && <p>{error.message}</p>}
      {update === 'available' && <button onClick={() => void offline.update()}>Load the new version</button>}
      {update === 'applying' && <p>The new version is being loaded …</p>}
      {canInstall && <button onClick={() => void offline.install()}>Install the app</button>}
    </section>
  )
}
