throw new Error('conformance-load');
