package io.hearth.java;

/** Why a package cannot be loaded, in words for whoever deployed it. */
final class LoadFault extends Exception {

    private static final long serialVersionUID = 1;

    LoadFault(String message) {
        super(message);
    }
}
