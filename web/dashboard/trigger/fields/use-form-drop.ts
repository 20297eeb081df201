import { useEffect, type RefObject } from 'react'

const ZONE = '[data-drop-zone]'

/**
 * Lets a file fall anywhere on the form around `zone`. Of several zones, the one hit gets the file,
 * and the first one those that hit none.
 */
export function useFormDrop(zone: RefObject<HTMLElement | null>, onFile: (file: File) => void): void {
  useEffect(() => {
    const form = zone.current?.closest('form')
    if (form === null || form === undefined) return
    const mark = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') !== true) return
      event.preventDefault()
      form.dataset.dragging = 'true'
    }
    const unmark = (event: DragEvent): void => {
      const isInside = event.relatedTarget instanceof Node && form.contains(event.relatedTarget)
      if (!isInside) delete form.dataset.dragging
    }
    const drop = (event: DragEvent): void => {
      delete form.dataset.dragging
      const hit = event.target instanceof Element ? event.target.closest(ZONE) : null
      const file = event.dataTransfer?.files[0]
      if (file === undefined || (hit ?? form.querySelector(ZONE)) !== zone.current) return
      event.preventDefault()
      onFile(file)
    }
    form.addEventListener('dragover', mark)
    form.addEventListener('dragleave', unmark)
    form.addEventListener('drop', drop)
    return () => {
      form.removeEventListener('dragover', mark)
      form.removeEventListener('dragleave', unmark)
      form.removeEventListener('drop', drop)
    }
  }, [zone, onFile])
}
