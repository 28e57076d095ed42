// Preact with tagged templates: the source needs no compiler.
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);
export { Fragment, render } from 'preact';
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
